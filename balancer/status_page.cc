// SPDX-License-Identifier: BSD-2-Clause
#include "balancer/status_page.h"

#include "balancer/show_stat.h"
#include "process/version.h"

namespace balancer {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '"') out += "&quot;";
    else out += c;
  }
  return out;
}

struct Shown {
  const char* title;
  const char* column;
};
constexpr Shown shown[] = {{"Name", "svname"},        {"Status", "status"},       {"Last change (s)", "lastchg"}, {"Weight", "weight"},      {"Running", "scur"},
                           {"Most", "smax"},          {"Limit", "slim"},          {"Queued", "qcur"},             {"Most queued", "qmax"},   {"Requests", "stot"},
                           {"2xx", "hrsp_2xx"},       {"3xx", "hrsp_3xx"},        {"4xx", "hrsp_4xx"},            {"5xx", "hrsp_5xx"},       {"Retries", "wretr"},
                           {"Connect errors", "econ"}, {"Answer errors", "eresp"}, {"Check", "check_status"},      {"Down (times)", "chkdown"}, {"Wait (ms)", "qtime"},
                           {"Answer (ms)", "rtime"},  {"Address", "addr"}};

const char* status_class(std::string_view status) {
  if (status.starts_with("UP") || status == "OPEN" || status == "no check") return status.size() > 3 && status.starts_with("UP ") ? "warn" : "up";
  if (status == "MAINT" || status == "DRAIN") return "admin";
  return status == "NOLB" ? "warn" : "down";
}

constexpr const char* style =
    "body{font:15px/1.4 system-ui,sans-serif;margin:1.5em;color:#222;background:#fff}h1{font-size:1.4em}h2{font-size:1.1em;margin:1.4em 0 .4em}"
    "table{border-collapse:collapse}th,td{padding:.25em .6em;border-bottom:1px solid #ddd;text-align:right;white-space:nowrap}"
    "th:first-child,td:first-child{text-align:left}tr.up td:nth-child(2){background:#d9f2dd}tr.warn td:nth-child(2){background:#fff0c2}"
    "tr.down td:nth-child(2){background:#f8d0d0}tr.admin td:nth-child(2){background:#dde3f5}caption{text-align:left}";

std::string html(const Plan& plan, base::TimePoint now) {
  std::string out = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"5\">"
                    "<title>balancer</title><style>";
  out += style;
  out += "</style></head>\n<body><h1>balancer ";
  out += process::version;
  out += "</h1>\n<p><a href=\";csv\">CSV</a> <a href=\";json\">JSON</a></p>\n";
  std::string group;
  for (const StatRow& row : stat_rows(plan, now)) {
    if (row.get("pxname") != group || row.get("svname") == "FRONTEND") {
      if (!group.empty()) out += "</tbody></table>\n";
      group = row.get("pxname");
      out += "<h2>" + escaped(group) + "</h2>\n<table><thead><tr>";
      for (const Shown& s : shown) out += std::string("<th scope=\"col\">") + s.title + "</th>";
      out += "</tr></thead><tbody>\n";
    }
    out += std::string("<tr class=\"") + status_class(row.get("status")) + "\">";
    for (const Shown& s : shown) out += "<td>" + escaped(row.get(s.column)) + "</td>";
    out += "</tr>\n";
  }
  if (!group.empty()) out += "</tbody></table>\n";
  return out + "</body></html>\n";
}

}  // namespace

process::Page status_page(const Plan& plan, const std::string& uri, const process::PageRequest& request, base::TimePoint now) {
  process::Page page;
  page.headers.emplace_back("Cache-Control", "no-store");
  if (request.method != http::Method::get && request.method != http::Method::head) {
    page.status = 405;
    page.headers.emplace_back("Allow", "GET, HEAD");
    return page;
  }
  if (request.path == uri) {
    page.body = html(plan, now);
  } else if (request.path == uri + ";csv") {
    page.type = "text/plain; charset=utf-8";
    page.body = stat_csv(stat_rows(plan, now));
  } else if (request.path == uri + ";json") {
    page.type = "application/json";
    page.body = stat_json(stat_rows(plan, now)) + "\n";
  } else {
    page.status = 404;
    page.body = "<!DOCTYPE html>\n<title>404 Not Found</title>\n<h1>404 Not Found</h1>\n";
  }
  return page;
}

namespace {

struct MetricColumn {
  const char* name;
  const char* help;
  const char* column;
  bool counter;
};
constexpr MetricColumn metric_columns[] = {
    {"requests_total", "Requests.", "stot", true},
    {"received_bytes_total", "Bytes from clients.", "bin", true},
    {"sent_bytes_total", "Bytes to clients.", "bout", true},
    {"request_errors_total", "Requests refused as malformed or beyond a limit.", "ereq", true},
    {"active", "Requests running now.", "scur", false},
    {"queued", "Requests waiting now.", "qcur", false},
    {"connect_errors_total", "Connections that failed.", "econ", true},
    {"response_errors_total", "Answers that failed.", "eresp", true},
    {"retries_total", "Requests asked again.", "wretr", true},
    {"redispatches_total", "Requests that went to another server.", "wredis", true},
    {"client_aborts_total", "Requests whose client left.", "cli_abrt", true},
    {"check_failures_total", "Checks that failed.", "chkfail", true},
    {"downs_total", "Times it went down.", "chkdown", true},
    {"weight", "Weight.", "weight", false},
    {"queue_time_milliseconds", "Mean wait of the last 1024 requests.", "qtime", false},
    {"connect_time_milliseconds", "Mean time to connect.", "ctime", false},
    {"response_time_milliseconds", "Mean time to the first byte of an answer.", "rtime", false},
};

std::string labels(const StatRow& row) {
  const std::string& kind = row.get("svname");
  const auto quoted = [](const std::string& text) {
    std::string out;
    for (char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    return out;
  };
  if (kind == "FRONTEND") return "{frontend=\"" + quoted(row.get("pxname")) + "\"";
  if (kind == "BACKEND") return "{backend=\"" + quoted(row.get("pxname")) + "\"";
  return "{backend=\"" + quoted(row.get("pxname")) + "\",server=\"" + quoted(kind) + "\"";
}

const char* scope(const StatRow& row) {
  const std::string& kind = row.get("svname");
  return kind == "FRONTEND" ? "frontend" : kind == "BACKEND" ? "backend" : "server";
}

}  // namespace

std::string metrics_text(const Plan& plan, base::TimePoint now) {
  const std::vector<StatRow> rows = stat_rows(plan, now);
  std::string out;
  const auto head = [&](const std::string& name, const char* help, bool counter) {
    out += "# HELP " + name + " " + help + "\n# TYPE " + name + (counter ? " counter\n" : " gauge\n");
  };
  for (const char* which : {"frontend", "backend", "server"}) {
    for (const MetricColumn& metric : metric_columns) {
      const std::string name = std::string("balancer_") + which + "_" + metric.name;
      bool first = true;
      for (const StatRow& row : rows) {
        if (std::string_view(scope(row)) != which || row.get(metric.column).empty()) continue;
        if (first) head(name, metric.help, metric.counter);
        first = false;
        out += name + labels(row) + "} " + row.get(metric.column) + "\n";
      }
    }
    const std::string responses = std::string("balancer_") + which + "_responses_total";
    head(responses, "Answers by class of status.", true);
    for (const StatRow& row : rows) {
      if (std::string_view(scope(row)) != which) continue;
      for (const char* code : {"1xx", "2xx", "3xx", "4xx", "5xx", "other"})
        out += responses + labels(row) + ",code=\"" + code + "\"} " + row.get(std::string("hrsp_") + code) + "\n";
    }
  }
  head("balancer_server_up", "Whether the server takes requests.", false);
  for (const StatRow& row : rows)
    if (std::string_view(scope(row)) == "server")
      out += "balancer_server_up" + labels(row) + "} " + (row.get("status").starts_with("UP") || row.get("status") == "no check" ? "1\n" : "0\n");
  head("balancer_queue_refused_total", "Requests refused because the queue was full or no server was left.", true);
  head("balancer_queue_timeouts_total", "Requests that waited too long.", true);
  for (const auto& each : plan.backends) {
    const Backend& b = *each;
    const auto totals = b.state->book.totals();
    const Counts c = b.state->counters.sum();
    out += "balancer_queue_refused_total{backend=\"" + b.name() + "\",reason=\"queue-full\"} " + std::to_string(totals.refused_full) + "\n";
    out += "balancer_queue_refused_total{backend=\"" + b.name() + "\",reason=\"no-server\"} " + std::to_string(totals.refused_no_server) + "\n";
    out += "balancer_queue_timeouts_total{backend=\"" + b.name() + "\"} " + std::to_string(c.queue_timeouts) + "\n";
  }
  return out;
}

}  // namespace balancer
