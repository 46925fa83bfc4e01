// SPDX-License-Identifier: BSD-2-Clause
#include "http/log_variables.h"

#include <algorithm>

#include "http/cookies.h"
#include "http/log_text.h"

namespace http {

namespace {

using R = const AccessRecord&;
using N = std::string_view;
using S = std::string&;

LogValue none() { return {}; }
LogValue text(std::string_view value) {
  if (value.empty()) return {};
  return {LogValue::Kind::text, value, 0};
}
LogValue number(std::int64_t value) { return {LogValue::Kind::number, {}, value}; }
LogValue written(std::string_view value) { return {LogValue::Kind::written, value, 0}; }

LogValue duration(base::Duration d, S scratch) {
  if (d < base::Duration::zero()) return none();
  log_text::append_seconds(scratch, d);
  return written(scratch);
}

std::string_view target(R r) {
  if (!r.original_target.empty()) return r.original_target;
  return r.request != nullptr ? r.request->target() : std::string_view{};
}

LogValue request_line(R r, N, Token, S scratch) {
  if (r.request == nullptr) return text(r.request_line);
  const std::string_view method = r.request->method_name(), asked = target(r);
  base::append_with_pen(scratch, method.size() + asked.size() + r.protocol.size() + 2, [&](base::Pen& pen) {
    pen.text(method);
    pen.put(' ');
    pen.text(asked);
    pen.put(' ');
    pen.text(r.protocol);
  });
  return text(scratch);
}

LogValue field(const Head* head, N name, Token token) {
  if (head == nullptr) return none();
  return text((token != Token::other ? head->get(token) : head->get(name)).value_or(std::string_view{}));
}

LogValue peer(R r, N, Token, S scratch) {
  const std::string ip = r.peer == nullptr ? std::string() : r.peer->ip();
  if (ip.empty()) return none();
  scratch += ip;
  return written(scratch);
}

LogValue cookie(R r, N name, Token, S scratch) {
  if (r.request == nullptr) return none();
  auto value = cookie_value(*r.request, name);
  if (!value || value->empty()) return none();
  scratch += *value;
  return text(scratch);
}

}  // namespace

const LogVariable log_variables[] = {
    {{}, nullptr},
    {"time_iso8601", [](R r, N, Token, S s) { log_text::append_time_iso8601(s, r.began); return written(s); }, false, true},
    {"msec", [](R r, N, Token, S s) { log_text::append_msec(s, r.began); return written(s); }, true, true},
    {"time_local", [](R r, N, Token, S s) { log_text::append_time_local(s, r.began); return written(s); }},
    {"remote_addr", [](R r, N, Token, S) { return text(r.remote_addr); }, false, true},
    {"remote_port", [](R r, N, Token, S) { return number(r.remote_port); }, true},
    {"realip_remote_addr", peer, false, true},
    {"remote_user", [](R r, N, Token, S) { return text(r.remote_user); }, false, true},
    {"request", request_line},
    {"request_method", [](R r, N, Token, S) { return r.request != nullptr ? text(r.request->method_name()) : none(); }, false, true},
    {"request_uri", [](R r, N, Token, S) { return text(target(r)); }, false, true},
    {"uri", [](R r, N, Token, S) { return text(target(r).substr(0, target(r).find('?'))); }},
    {"args",
     [](R r, N, Token, S) {
       const auto at = target(r).find('?');
       return at == N::npos ? none() : text(target(r).substr(at + 1));
     }},
    {"server_protocol", [](R r, N, Token, S) { return text(r.protocol); }, false, true},
    {"scheme", [](R r, N, Token, S) { return text(r.scheme); }, false, true},
    {"host", [](R r, N, Token, S) { return r.request != nullptr ? text(r.request->host()) : none(); }, false, true},
    {"server_name", [](R r, N, Token, S) { return text(r.server_name); }, false, true},
    {"server_port", [](R r, N, Token, S) { return number(r.server_port); }, true},
    {"route", [](R r, N, Token, S) { return text(r.route); }, false, true},
    {"status", [](R r, N, Token, S) { return number(r.status); }, true, true},
    {"body_bytes_sent", [](R r, N, Token, S) { return number(static_cast<std::int64_t>(r.body_bytes_sent)); }, true, true},
    {"bytes_sent", [](R r, N, Token, S) { return number(static_cast<std::int64_t>(r.bytes_sent)); }, true, true},
    {"request_length", [](R r, N, Token, S) { return number(static_cast<std::int64_t>(r.request_length)); }, true, true},
    {"request_time", [](R r, N, Token, S s) { return duration(r.total, s); }, true, true},
    {"http_referer", [](R r, N, Token, S) { return field(r.request, {}, Token::referer); }, false, true},
    {"http_user_agent", [](R r, N, Token, S) { return field(r.request, {}, Token::user_agent); }, false, true},
    {"request_id", [](R r, N, Token, S) { return text(r.request_id); }, false, true},
    {"connection", [](R r, N, Token, S) { return number(static_cast<std::int64_t>(r.connection)); }, true, true},
    {"connection_requests", [](R r, N, Token, S) { return number(r.connection_requests); }, true, true},
    {"ssl_protocol", [](R r, N, Token, S) { return text(r.ssl_protocol); }, false, true},
    {"ssl_cipher", [](R r, N, Token, S) { return text(r.ssl_cipher); }, false, true},
    {"ssl_server_name", [](R r, N, Token, S) { return text(r.ssl_server_name); }, false, true},
    {"ssl_session_reused", [](R r, N, Token, S) { return r.ssl_protocol.empty() ? none() : text(r.ssl_reused ? "r" : "."); }},
    {"upstream_addr", [](R r, N, Token, S) { return text(r.upstream_addr); }, false, true},
    {"upstream_status", [](R r, N, Token, S) { return r.upstream_status != 0 ? number(r.upstream_status) : none(); }, true, true},
    {"upstream_connect_time", [](R r, N, Token, S s) { return duration(r.upstream_connect, s); }, true, true},
    {"upstream_header_time", [](R r, N, Token, S s) { return duration(r.upstream_header, s); }, true, true},
    {"upstream_response_time", [](R r, N, Token, S s) { return duration(r.upstream_response, s); }, true, true},
    {"upstream_cache_status", [](R r, N, Token, S) { return text(r.upstream_cache_status); }, false, true},
    {"cache_detail", [](R r, N, Token, S) { return text(r.cache_detail); }, false, true},
    {"queue_time", [](R r, N, Token, S s) { return duration(r.queued, s); }, true, true},
    {"frontend", [](R r, N, Token, S) { return text(r.frontend); }, false, true},
    {"backend", [](R r, N, Token, S) { return text(r.backend); }, false, true},
    {"server", [](R r, N, Token, S) { return text(r.server); }, false, true},
    {"retries", [](R r, N, Token, S) { return number(r.retries); }, true, true},
    {"termination_state", [](R r, N, Token, S) { return text(r.termination); }, false, true},
    {"end_reason", [](R r, N, Token, S) { return text(r.end_reason); }, false, true},
    {"http_", [](R r, N name, Token token, S) { return field(r.request, name, token); }},
    {"sent_http_", [](R r, N name, Token token, S) { return field(r.response, name, token); }},
    {"cookie_", cookie},
};
const std::size_t log_variable_count = std::size(log_variables);

std::size_t find_log_variable(std::string_view name, std::string& rest) {
  for (std::size_t i = 1; i < log_variable_count; ++i)
    if (log_variables[i].name == name && name.back() != '_') return i;
  for (std::size_t i = 1; i < log_variable_count; ++i) {
    const auto prefix = log_variables[i].name;
    if (prefix.back() != '_' || !name.starts_with(prefix) || name.size() == prefix.size()) continue;
    rest = name.substr(prefix.size());
    if (prefix != "cookie_") std::replace(rest.begin(), rest.end(), '_', '-');
    return i;
  }
  return 0;
}

}  // namespace http
