// SPDX-License-Identifier: BSD-2-Clause
#include "balancer/show_stat.h"

#include "base/check.h"
#include "process/admin_registry.h"

namespace balancer {
namespace {

constexpr std::string_view header =
    "pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,act,bck,chkfail,chkdown,lastchg,"
    "downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,rate_lim,rate_max,check_status,check_code,check_duration,hrsp_1xx,hrsp_2xx,"
    "hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,req_rate,req_rate_max,req_tot,cli_abrt,srv_abrt,comp_in,comp_out,comp_byp,comp_rsp,lastsess,"
    "last_chk,last_agt,qtime,ctime,rtime,ttime,agent_status,agent_code,agent_duration,check_desc,agent_desc,check_rise,check_fall,check_health,"
    "agent_rise,agent_fall,agent_health,addr,cookie,mode,algo,conn_rate,conn_rate_max,conn_tot,intercepted,dcon,dses,wrew,connect,reuse,"
    "cache_lookups,cache_hits,srv_icur,src_ilim,qtime_max,ctime_max,rtime_max,ttime_max,eint,idle_conn_cur,safe_conn_cur,used_conn_cur,"
    "need_conn_est,uweight,agg_server_status,agg_server_check_status,agg_check_status,-";

std::uint64_t seconds(base::Duration d) { return static_cast<std::uint64_t>(std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(d).count())); }

const char* status_columns[] = {"hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other"};

void set_counts(StatRow& row, const Counts& c) {
  row.set("stot", c.requests);
  row.set("bin", c.bytes_in);
  row.set("bout", c.bytes_out);
  for (std::size_t i = 0; i < c.statuses.size(); ++i) row.set(status_columns[i], c.statuses[i]);
  row.set("mode", "http");
  row.set("pid", 1);
}

void set_backend_counts(StatRow& row, const Counts& c) {
  row.set("econ", c.connect_errors);
  row.set("eresp", c.response_errors);
  row.set("wretr", c.retries);
  row.set("wredis", c.redispatches);
  row.set("cli_abrt", c.client_aborts);
  row.set("srv_abrt", c.server_aborts);
  row.set("connect", c.connects);
  row.set("reuse", c.reuses);
  row.set("qtime", c.queue_ms.value());
  row.set("ctime", c.connect_ms.value());
  row.set("rtime", c.response_ms.value());
  row.set("ttime", c.total_ms.value());
  row.set("qtime_max", c.queue_ms.max);
  row.set("ctime_max", c.connect_ms.max);
  row.set("rtime_max", c.response_ms.max);
  row.set("ttime_max", c.total_ms.max);
  row.set("lbtot", c.requests);
}

StatRow frontend_row(const Frontend& frontend, std::size_t iid) {
  StatRow row;
  const Counts c = frontend.state->counters.sum();
  row.set("pxname", frontend.options.name);
  row.set("svname", "FRONTEND");
  row.set("type", 0);
  row.set("iid", iid);
  row.set("sid", 0);
  row.set("status", "OPEN");
  row.set("scur", frontend.state->sessions.now());
  row.set("smax", frontend.state->sessions.max());
  if (frontend.options.maxconn) row.set("slim", *frontend.options.maxconn);
  set_counts(row, c);
  row.set("dreq", c.denied);
  row.set("ereq", c.request_errors);
  row.set("req_tot", c.requests);
  row.set("intercepted", c.intercepted);
  return row;
}

// What the book's mutex guards, copied under it.
struct ServerCopy {
  http::ServerRow row;
  Health health;
  CheckResult check;
  base::TimePoint changed;
  base::Duration downtime;
  std::uint64_t check_failures, went_down;
};

std::vector<ServerCopy> copy_servers(const Backend& backend, http::Admission::Totals& totals) {
  std::vector<ServerCopy> out;
  out.reserve(backend.state->servers.size());
  backend.state->book.read([&](std::span<const http::ServerRow> rows, const http::Admission::Totals& t) {
    totals = t;
    for (const auto& server : backend.state->servers) {
      const Server& s = *server;
      out.push_back({rows[s.row], s.health, s.check, s.changed, s.downtime, s.check_failures, s.went_down});
    }
  });
  return out;
}

StatRow server_row(const Backend& backend, const Server& server, const ServerCopy& copy, std::size_t iid, std::size_t sid, base::TimePoint now) {
  StatRow row;
  const Counts c = server.counters.sum();
  const HealthRules rules = backend.health_rules();
  row.set("pxname", backend.name());
  row.set("svname", server.name);
  row.set("type", 2);
  row.set("iid", iid);
  row.set("sid", sid);
  row.set("qcur", copy.row.queued);
  row.set("qmax", copy.row.queued_max);
  row.set("scur", copy.row.used);
  row.set("smax", copy.row.used_max);
  if (copy.row.configured_limit) row.set("slim", copy.row.override_limit.value_or(copy.row.configured_limit));
  set_counts(row, c);
  set_backend_counts(row, c);
  row.set("status", server_status(copy.row, copy.health, rules));
  row.set("weight", copy.row.weight());
  row.set("uweight", copy.row.weight());
  row.set("act", 1);
  row.set("bck", 0);
  row.set("chkfail", copy.check_failures);
  row.set("chkdown", copy.went_down);
  row.set("lastchg", seconds(now - copy.changed));
  row.set("downtime", seconds(copy.downtime + (copy.row.up ? base::Duration::zero() : now - copy.changed)));
  row.set("addr", server.address.text());
  if (!backend.cookie.name.empty()) row.set("cookie", server.name);
  row.set("srv_icur", server.endpoint->idle.load(std::memory_order_relaxed));
  row.set("idle_conn_cur", server.endpoint->idle.load(std::memory_order_relaxed));
  row.set("used_conn_cur", copy.row.used);
  if (!server.checked) return row;
  row.set("check_status", (copy.check.running ? "* " : "") + std::string(copy.check.status));
  if (copy.check.code) row.set("check_code", static_cast<std::uint64_t>(copy.check.code));
  row.set("check_duration", copy.check.duration_ms);
  row.set("check_rise", rules.rise);
  row.set("check_fall", rules.fall);
  // HAProxy's: up to rise - 1 while down, rise to rise + fall - 1 while up.
  row.set("check_health", copy.health.up() ? rules.rise + rules.fall - 1 - copy.health.bad : copy.health.good);
  return row;
}

StatRow backend_row(const Backend& backend, const std::vector<ServerCopy>& servers, const http::Admission::Totals& totals, std::size_t iid, base::TimePoint now) {
  StatRow row;
  Counts c = backend.state->counters.sum();
  std::uint64_t weight = 0, active = 0;
  base::TimePoint changed = backend.state->started;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const Counts s = backend.state->servers[i]->counters.sum();
    c.connect_errors += s.connect_errors;
    c.response_errors += s.response_errors;
    c.retries += s.retries;
    c.server_aborts += s.server_aborts;
    c.connects += s.connects;
    c.reuses += s.reuses;
    changed = std::max(changed, servers[i].changed);
    if (!servers[i].row.in_choice()) continue;
    weight += servers[i].row.weight();
    ++active;
  }
  row.set("pxname", backend.name());
  row.set("svname", "BACKEND");
  row.set("type", 1);
  row.set("iid", iid);
  row.set("sid", 0);
  row.set("qcur", totals.waiting);
  row.set("qmax", totals.waiting_max);
  row.set("qlimit", backend.options.queue.max_waiting);
  row.set("scur", backend.state->sessions.now());
  row.set("smax", backend.state->sessions.max());
  set_counts(row, c);
  set_backend_counts(row, c);
  row.set("req_tot", c.requests);
  row.set("status", active ? "UP" : "DOWN");
  row.set("weight", weight);
  row.set("uweight", weight);
  row.set("act", active);
  row.set("bck", 0);
  row.set("lastchg", seconds(now - changed));
  row.set("algo", backend.options.balance == Balance::leastconn ? "leastconn" : "roundrobin");
  if (!backend.cookie.name.empty()) row.set("cookie", backend.cookie.name);
  return row;
}

std::string csv_value(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string out = "\"";
  for (char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

}  // namespace

const std::vector<std::string_view>& StatRow::columns() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> out;
    base::split(header, ',', [&](std::string_view name) { out.push_back(name); });
    return out;
  }();
  return names;
}

StatRow::StatRow() : values_(columns().size()) {}

void StatRow::set(std::string_view column, std::string value) {
  for (std::size_t i = 0; i < values_.size(); ++i)
    if (columns()[i] == column) {
      values_[i] = std::move(value);
      return;
    }
  CHECK_MSG(false, "no such column of show stat");
}

const std::string& StatRow::get(std::string_view column) const {
  for (std::size_t i = 0; i < values_.size(); ++i)
    if (columns()[i] == column) return values_[i];
  CHECK_MSG(false, "no such column of show stat");
  return values_[0];
}

std::string server_status(const http::ServerRow& row, const Health& health, const HealthRules& rules) {
  if (row.admin == http::AdminState::maint) return "MAINT";
  if (row.admin == http::AdminState::drain && health.up()) return "DRAIN";
  if (row.out && health.up()) return "NOLB";  // up for all that checks know, but it refused a connection
  return health_word(health, rules);
}

std::vector<StatRow> stat_rows(const Plan& plan, base::TimePoint now) {
  std::vector<StatRow> out;
  std::size_t iid = 1;
  for (const auto& frontend : plan.frontends) out.push_back(frontend_row(*frontend, ++iid));
  for (const auto& each : plan.backends) {
    const Backend& backend = *each;
    ++iid;
    http::Admission::Totals totals;
    const std::vector<ServerCopy> servers = copy_servers(backend, totals);
    for (std::size_t i = 0; i < servers.size(); ++i) out.push_back(server_row(backend, *backend.state->servers[i], servers[i], iid, i + 1, now));
    out.push_back(backend_row(backend, servers, totals, iid, now));
  }
  return out;
}

std::string stat_csv(const std::vector<StatRow>& rows) {
  std::string out = "# ";
  (out += header) += ",\n";
  for (const StatRow& row : rows) {
    for (const std::string& value : row.values()) (out += csv_value(value)) += ',';
    out += '\n';
  }
  return out;
}

std::string stat_json(const std::vector<StatRow>& rows) {
  std::string out = "[";
  for (const StatRow& row : rows) {
    out += out.size() > 1 ? ",\n{" : "{";
    bool first = true;
    for (std::size_t i = 0; i < row.values().size(); ++i) {
      if (row.values()[i].empty()) continue;
      if (!first) out += ',';
      first = false;
      ((out += process::json_string(StatRow::columns()[i])) += ':') += process::json_string(row.values()[i]);
    }
    out += '}';
  }
  return out + "]";
}

std::string servers_state(const Plan& plan, std::string_view wanted, base::TimePoint now) {
  std::string out =
      "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change "
      "srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port "
      "srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n";
  std::size_t be_id = plan.frontends.size() + 1;
  for (const auto& each : plan.backends) {
    const Backend& backend = *each;
    ++be_id;
    if (!wanted.empty() && backend.name() != wanted) continue;
    http::Admission::Totals totals;
    const std::vector<ServerCopy> servers = copy_servers(backend, totals);
    const HealthRules rules = backend.health_rules();
    for (std::size_t i = 0; i < servers.size(); ++i) {
      const ServerCopy& s = servers[i];
      const Server& server = *backend.state->servers[i];
      const int op_state = s.row.admin == http::AdminState::maint || !s.row.up ? 0 : s.row.admin == http::AdminState::drain ? 3 : 2;
      const int admin = s.row.admin == http::AdminState::maint ? 1 : s.row.admin == http::AdminState::drain ? 8 : 0;
      // check_status: 6 L7OK …, 2 L4OK; result: 3 passed, 2 failed, 1 neutral, 0 unknown.
      const bool known = server.checked && std::string_view(s.check.status) != "INI";
      const int result = !known ? 0 : std::string_view(s.check.status).ends_with("OK") ? 3 : 2;
      const std::size_t health = !server.checked ? 0 : s.health.up() ? rules.rise + rules.fall - 1 - s.health.bad : s.health.good;
      out += std::to_string(be_id) + " " + backend.name() + " " + std::to_string(i + 1) + " " + server.name + " " +
             (server.address.is_unix() ? server.address.text() : server.address.ip()) + " " + std::to_string(op_state) + " " + std::to_string(admin) + " " +
             std::to_string(s.row.weight()) + " " + std::to_string(s.row.configured_weight) + " " + std::to_string(seconds(now - s.changed)) + " " +
             std::to_string(known ? 6 : 1) + " " + std::to_string(result) + " " + std::to_string(health) + " " + (server.checked ? "6" : "0") +
             " 0 0 0 - " + std::to_string(server.address.port()) + " - 0 0 - - 0\n";
    }
  }
  return out;
}

}  // namespace balancer
