// SPDX-License-Identifier: BSD-2-Clause
#include "cachenode/request_log.h"

#include "cachenode/cache_exchange.h"

namespace cachenode {

namespace {

bool logs(const Generation& generation) { return generation.access_log && generation.compiled->format; }

}  // namespace

void RequestLog::line(const Generation& generation, const http::AccessRecord& record) {
  line_.clear();
  generation.compiled->format->append(line_, record);
  ring_.write(*generation.access_log, line_);
}

void RequestLog::write(const Generation& generation, CacheExchange& exchange, base::TimePoint now) {
  if (!logs(generation)) return;
  const CacheExchange::Facts& f = exchange.facts();
  const http::Stream& stream = exchange.stream();
  const http::ConnectionInfo& connection = *stream.connection;
  const std::string peer = f.client_ip.empty() ? connection.peer->remote.ip() : std::string();
  const std::string detail = f.detail ? f.detail.code() : std::string();
  http::AccessRecord r;
  r.remote_addr = f.client_ip.empty() ? std::string_view(peer) : std::string_view(f.client_ip);
  r.remote_port = connection.peer->remote.port();
  r.peer = &connection.peer->remote;
  r.connection = connection.serial;
  r.connection_requests = connection.requests;
  r.request = &stream.head;
  if (stream.protocol == http::Protocol::http1_0) r.protocol = "HTTP/1.0";
  if (stream.protocol == http::Protocol::http2) r.protocol = "HTTP/2.0";
  r.scheme = f.https ? "https" : "http";
  r.server_port = connection.peer->local.port();
  r.request_id = stream.head.get(http::Token::x_request_id).value_or(std::string_view{});
  r.request_length = stream.head_bytes + stream.body->received();
  r.status = f.status;
  r.bytes_sent = stream.sink->total_bytes();
  r.body_bytes_sent = stream.sink->body_bytes();
  r.began = stream.began_wall;
  r.total = now - stream.began;
  r.received = stream.parsed - stream.began;
  if (f.asked_origin) {
    r.queued = f.queued;
    r.upstream_addr = exchange.origin_address();
    r.upstream_status = f.upstream_status;
    r.upstream_connect = f.connect;
    r.upstream_header = f.header;
    r.upstream_response = now - f.asked;
  }
  r.upstream_cache_status = f.cache_word;
  r.cache_detail = detail;
  r.end_reason = exchange.why().row->name;
  line(generation, r);
}

void RequestLog::write(const Generation& generation, const http::Rejected& what, base::TimePoint now, base::WallTime wall) {
  if (!logs(generation)) return;
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
  r.end_reason = what.error.reason.row->name;
  line(generation, r);
}

}  // namespace cachenode
