// SPDX-License-Identifier: BSD-2-Clause
// Traces as text and as JSON.
#include <fmt/core.h>

#include <algorithm>
#include <ctime>

#include "base/bytes.h"
#include "http/exchange.h"
#include "process/admin_trace.h"

namespace process {
namespace {

using http::TraceRecord;

std::string time_text(base::WallTime when) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(when.time_since_epoch()).count();
  const std::time_t seconds = ms / 1000;
  std::tm tm{};
  ::gmtime_r(&seconds, &tm);
  char out[32];
  std::strftime(out, sizeof out, "%Y-%m-%dT%H:%M:%S", &tm);
  return fmt::format("{}.{:03}Z", out, ms % 1000);
}

double milliseconds(base::Duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

const char* protocol_name(http::Protocol protocol) {
  return protocol == http::Protocol::http2 ? "HTTP/2.0" : protocol == http::Protocol::http1_1 ? "HTTP/1.1" : "HTTP/1.0";
}

std::string place(const TraceRecord& r) { return base::escape(std::string(r.host.view()) + std::string(r.target.view())); }
std::string status(const TraceRecord& r) { return r.status ? std::to_string(r.status) : "-"; }
std::string id(const TraceRecord& r) { return r.id.view().empty() ? r.name() : base::escape(r.id.view()); }

std::string one_line(const TraceRecord& r) {
  return fmt::format("{} {} {} {} {:.1f}ms {} {} {} {}", time_text(r.ended()), id(r), status(r), r.bytes, milliseconds(r.total), r.reason->name, r.client_text(),
                     base::escape(r.method.view()), place(r));
}

void whole(const TraceRecord& r, Reply& reply) {
  reply.line(fmt::format("id: {}", id(r)));
  reply.line(fmt::format("connection: {}, request {}", r.connection, r.request));
  reply.line(fmt::format("client: {}{}", r.client_text(), r.tls ? ", TLS" : ""));
  reply.line(fmt::format("request: {} {} {}, body {} bytes", base::escape(r.method.view()), place(r), protocol_name(r.protocol), r.received));
  reply.line(fmt::format("began: {}", time_text(r.began)));
  for (std::size_t i = 0; i < r.states; ++i) {
    const bool last = i + 1 == r.states;
    const double at = r.state_times[i] / 1000.0, until = last ? milliseconds(r.total) : r.state_times[i + 1] / 1000.0;
    reply.line(fmt::format("  +{:.1f}ms {} for {:.1f}ms", at, r.state_names[i], std::max(0.0, until - at)));
  }
  reply.line(fmt::format("ended: {} after {:.1f}ms", time_text(r.ended()), milliseconds(r.total)));
  reply.line(fmt::format("status: {}, {} bytes sent", status(r), r.bytes));
  reply.line(fmt::format("end: {}: {}", base::escape(r.end_reason().code()), base::escape(r.end_reason().text())));
}

std::string json(const TraceRecord& r, bool with_states) {
  std::string out = fmt::format(
      "{{\"id\": {}, \"connection\": {}, \"request\": {}, \"client\": {}, \"tls\": {}, \"method\": {}, \"host\": {}, \"target\": {}, \"protocol\": \"{}\", "
      "\"began\": \"{}\", \"milliseconds\": {:.3f}, \"status\": {}, \"bytes\": {}, \"received\": {}, \"end\": {}, \"failed\": {}, \"slow\": {}",
      json_string(r.id.view().empty() ? r.name() : r.id.view()), r.connection, r.request, json_string(r.client_text()), r.tls, json_string(r.method.view()),
      json_string(r.host.view()), json_string(r.target.view()), protocol_name(r.protocol), time_text(r.began), milliseconds(r.total), r.status, r.bytes, r.received,
      json_string(r.end_reason().code()), r.failed(), r.slow());
  if (!with_states) return out + "}";
  out += ", \"end_text\": " + json_string(r.end_reason().text()) + ", \"states\": [";
  for (std::size_t i = 0; i < r.states; ++i)
    out += fmt::format("{}{{\"state\": {}, \"milliseconds\": {:.3f}}}", i ? ", " : "", json_string(r.state_names[i]), r.state_times[i] / 1000.0);
  return out + "]}";
}

bool is_count(const std::string& word, std::size_t& out) {
  if (word.empty() || word.size() > 4 || !std::all_of(word.begin(), word.end(), base::is_digit)) return false;
  out = static_cast<std::size_t>(base::parse_decimal(word).value_or(0));
  return true;
}

}  // namespace

bool parse_trace(AdminArguments arguments, TraceQuestion& out) {
  using What = TraceQuestion::What;
  if (arguments.empty()) return true;
  if (arguments.size() > 2) return false;
  if (arguments[0] == "slow" || arguments[0] == "failed") {
    out.what = arguments[0] == "slow" ? What::slow : What::failed;
    return arguments.size() == 1 || is_count(arguments[1], out.limit);
  }
  if (arguments.size() == 2) return arguments[0] == "recent" && is_count(arguments[1], out.limit);
  if (is_count(arguments[0], out.limit) || arguments[0] == "recent") return true;
  out.what = What::one;
  out.id = arguments[0];
  return !out.id.empty();
}

void trace_answer(const TraceQuestion& question, std::vector<TraceRecord> records, const std::string& missing, Reply& reply) {
  const bool one = question.what == TraceQuestion::What::one;
  // Workers to which nothing was slow gave their slowest: these count only if nobody knows better, and then by their time.
  const bool some_slow = std::any_of(records.begin(), records.end(), [](const TraceRecord& r) { return r.slow(); });
  const bool slowest = question.what == TraceQuestion::What::slow && !some_slow;
  if (question.what == TraceQuestion::What::slow && some_slow) std::erase_if(records, [](const TraceRecord& r) { return !r.slow(); });
  std::sort(records.begin(), records.end(), [slowest](const TraceRecord& a, const TraceRecord& b) { return slowest ? a.total > b.total : a.ended() > b.ended(); });
  if (!one && records.size() > question.limit) records.resize(question.limit);
  const bool none = one && records.empty();
  if (!missing.empty()) reply.line("no answer from worker " + missing + ", which has not been through its loop since");
  if (none) reply.error("no exchange that ended is remembered as " + base::escape(question.id));
  std::string list;
  for (const TraceRecord& r : records) {
    if (one) whole(r, reply);
    else reply.line(one_line(r));
    list += (list.empty() ? "" : ", ") + json(r, one);
  }
  reply.json = fmt::format("{{\"exchanges\": [{}], \"workers_missing\": [{}]}}", list, missing);
  if (none) reply.json.clear();
}

}  // namespace process
