// SPDX-License-Identifier: BSD-2-Clause
#include "balancer/request_log.h"

#include "balancer/balance_exchange.h"
#include "http/forwarded.h"

namespace balancer {

bool RequestLog::on(const Generation& generation) const { return ring_ && generation.access_log && generation.plan->format; }

void RequestLog::line(const http::AccessRecord& record, const Generation& generation) {
  line_.clear();
  generation.plan->format->append(line_, record);
  ring_->write(*generation.access_log, line_);
}

void RequestLog::write(BalanceExchange& exchange, base::TimePoint now, std::uint32_t active) {
  const Generation& generation = exchange.generation();
  if (!on(generation)) return;
  const BalanceExchange::Facts& f = exchange.facts();
  const http::Stream& stream = exchange.stream();
  const http::ConnectionInfo& connection = *stream.connection;
  const std::string peer = f.client_ip.empty() ? connection.peer->remote.ip() : std::string();
  http::AccessRecord r;
  r.remote_addr = f.client_ip.empty() ? std::string_view(peer) : std::string_view(f.client_ip);
  r.remote_port = connection.peer->remote.port();
  r.peer = &connection.peer->remote;
  r.connection = connection.serial;
  r.connection_requests = connection.requests;
  r.request = &stream.head;
  if (stream.protocol == http::Protocol::http1_0) r.protocol = "HTTP/1.0";
  if (stream.protocol == http::Protocol::http2) r.protocol = "HTTP/2.0";
  r.scheme = connection.listener->tls ? "https" : "http";
  r.server_port = connection.peer->local.port();
  r.request_id = stream.head.get(http::Token::x_request_id).value_or(std::string_view{});
  r.request_length = stream.head_bytes + stream.body->received();
  r.status = f.status;
  r.bytes_sent = stream.sink->total_bytes();
  r.body_bytes_sent = stream.sink->body_bytes();
  r.began = stream.began_wall;
  r.total = now - stream.began;
  r.received = stream.parsed - stream.began;
  const base::TimePoint unset{};
  if (f.queued != unset) r.queued = f.queue_time;
  if (const Server* server = f.server.get()) {
    r.upstream_addr = server->address_text;
    r.server = server->name;
  }
  if (f.answered != unset) {
    r.upstream_status = f.upstream_status;
    r.upstream_connect = f.connect_time;
    r.upstream_header = f.answered - f.admitted - f.connect_time;
    r.upstream_response = now - f.admitted;
  }
  r.frontend = f.frontend->options.name;
  if (f.backend) r.backend = f.backend->name();
  else r.backend = r.frontend;
  r.termination = std::string_view(f.termination, 4);
  r.active = active;
  r.frontend_connections = f.frontend->state->sessions.now() + 1;  // this one has left already
  r.backend_connections = f.backend_sessions;
  r.server_connections = f.server_sessions;
  r.retries = f.retries + f.connects;
  r.redispatched = f.redispatched;
  r.backend_queue = f.queue_ahead;
  r.end_reason = exchange.why().row->name;
  line(r, generation);
}

void RequestLog::write(const http::Rejected& what, const Generation& generation, std::string_view frontend, base::TimePoint now, base::WallTime wall, std::uint32_t active) {
  if (!on(generation)) return;
  http::AccessRecord r;
  const std::string peer = what.connection->peer->remote.ip();
  r.remote_addr = peer;
  r.peer = &what.connection->peer->remote;
  r.remote_port = what.connection->peer->remote.port();
  r.connection = what.connection->serial;
  r.connection_requests = what.connection->requests;
  r.request_line = what.request_line;
  r.status = what.status;
  r.bytes_sent = what.bytes_sent;
  r.total = now - what.began;
  r.began = wall - r.total;
  r.frontend = r.backend = frontend;
  r.termination = what.status == 408 ? "cR--" : what.status == 0 ? "CR--" : "PR--";
  r.active = r.frontend_connections = active;
  r.end_reason = what.error.reason.row->name;
  line(r, generation);
}

}  // namespace balancer
