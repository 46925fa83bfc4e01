// SPDX-License-Identifier: BSD-2-Clause
#include "webfront/front_service.h"

#include <algorithm>

#include "http/engine_reasons.h"
#include "http/notices.h"
#include "webfront/front_exchange.h"

namespace webfront {

FrontService::FrontService(net::EventLoop& loop, process::Generations& generations, http::LoopDesk& desk, const ServiceEnvironment& environment)
    : loop_(loop), generations_(generations), desk_(desk), environment_(environment), pool_(loop, environment.connector), files_(*environment.offload, loop) {
  observe::Metrics& metrics = *environment_.metrics;
  requests_ = &metrics.counter("webfront_http_requests_total", "Requests that were answered or refused.").cell(environment_.worker);
  sent_bytes_ = &metrics.counter("webfront_sent_bytes_total", "Bytes sent to clients in answers, heads included.").cell(environment_.worker);
  received_bytes_ = &metrics.counter("webfront_received_bytes_total", "Bytes of requests received from clients.").cell(environment_.worker);
}

std::unique_ptr<http::Exchange> FrontService::open(net::TaskOwner& owner, http::Stream stream) {
  return std::make_unique<FrontExchange>(*this, owner, std::move(stream), generations_.pin());
}

observe::Cell& FrontService::cell(const char* name, const char* help, const base::ReasonRow& row) {
  return environment_.metrics->counter(name, help, {{"reason", row.name}}).cell(environment_.worker);
}

void FrontService::count_error(const base::ReasonRow& row) {
  observe::Cell*& counter = errors_[&row];
  if (!counter) counter = &cell("webfront_errors_total", "Errors that webfront answered itself, by reason.", row);
  counter->add();
}

void FrontService::noticed(const base::Reason& what, const http::ConnectionInfo& connection) {
  observe::Cell*& counter = notices_[what.row];
  if (!counter) counter = &cell("webfront_connections_ended_total", "Connections that a limit, a time-out or a failed handshake ended, by reason.", *what.row);
  counter->add();
  environment_.errors->write(http::notice_level(*what.row), "client " + connection.peer->remote.ip() + ": " + what.text(), what.row->name);
}

void FrontService::log_error(std::string_view key, const std::string& message) { environment_.errors->write(observe::Level::error, message, key); }

void FrontService::error_answer(const base::Error& error, http::ResponseHead& head, std::string& body) {
  OwnAnswer answer = webfront::error_answer(error, nullptr, {});
  head = std::move(answer.head);
  body = std::move(answer.body);
}

void FrontService::adopt(const process::Generation& next) {
  for (const auto& server : static_cast<const Generation&>(next).gone) pool_.forget(*server);
}

void FrontService::count_duration(const Durations& durations, int status, base::Duration total) {
  observe::Histogram& histogram = *durations[static_cast<std::size_t>(std::clamp(status / 100, 0, 5))];
  histogram.cells(environment_.worker).observe(std::chrono::duration<double>(total).count());
}

void FrontService::log(const Generation& generation, const http::AccessRecord& record) {
  if (!environment_.access || !generation.access_log) return;
  line_.clear();
  generation.compiled->format.append(line_, record);
  environment_.access->write(*generation.access_log, line_);
}

namespace {

void fill_connection(http::AccessRecord& record, const http::ConnectionInfo& connection) {
  record.remote_port = connection.peer->remote.port();
  record.peer = &connection.peer->remote;
  record.connection = connection.serial;
  record.connection_requests = connection.requests;
  record.ssl_protocol = connection.peer->tls_version;
  record.ssl_cipher = connection.peer->tls_cipher;
  record.ssl_server_name = connection.peer->server_name;
  record.ssl_reused = connection.peer->tls_resumed;
  record.server_port = connection.peer->local.port();
}

}  // namespace

void FrontService::rejected(const http::Rejected& what) {
  requests_->add();
  sent_bytes_->add(what.bytes_sent);
  count_error(*what.error.reason.row);
  const base::Duration total = loop_.now() - what.began;
  count_duration(current().durations_of(nullptr), what.status, total);
  const std::string peer = what.connection->peer->remote.ip();
  environment_.errors->write(observe::Level::info, "client " + peer + ": " + what.error.reason.text(), what.error.reason.row->name);
  http::AccessRecord record;
  fill_connection(record, *what.connection);
  record.remote_addr = peer;
  record.request_line = what.request_line;
  record.scheme = what.connection->peer->tls ? "https" : "http";
  record.status = what.status ? what.status : 444;
  record.bytes_sent = record.body_bytes_sent = what.bytes_sent;
  record.began = loop_.clock().wall() - total;
  record.total = total;
  record.end_reason = what.error.reason.row->name;
  log(current(), record);
}

void FrontService::finished(FrontExchange& exchange) {
  const FrontExchange::Facts& facts = exchange.facts();
  const http::Stream& stream = exchange.request();
  const base::Duration total = loop_.now() - stream.began;
  requests_->add();
  sent_bytes_->add(stream.sink->total_bytes());
  received_bytes_->add(stream.head_bytes + stream.body->received());
  count_duration(*facts.durations, facts.status, total);
  // A tunnel has let go of the generation it began with: its line is written as the current one says.
  const Generation& generation = exchange.generation() ? *exchange.generation() : current();
  if (!environment_.access || !generation.access_log) return;
  http::AccessRecord record;
  fill_connection(record, *stream.connection);
  record.remote_addr = exchange.client().ip;
  record.request = &stream.head;
  record.protocol = stream.protocol == http::Protocol::http2 ? "HTTP/2.0" : stream.protocol == http::Protocol::http1_0 ? "HTTP/1.0" : "HTTP/1.1";
  record.scheme = exchange.client().https ? "https" : "http";
  record.server_name = exchange.site_name();
  record.route = exchange.route_label();
  record.request_id = exchange.request_id();
  record.request_length = stream.head_bytes + stream.body->received();
  if (facts.answer) record.response = &*facts.answer;
  record.status = facts.status;
  record.bytes_sent = stream.sink->total_bytes();
  record.body_bytes_sent = stream.sink->body_bytes();
  record.began = stream.began_wall;
  record.total = total;
  record.received = stream.parsed - stream.began;
  if (facts.admitted != base::TimePoint{}) record.queued = facts.admitted - facts.queued;
  record.upstream_addr = facts.upstream_addr;
  record.upstream_status = facts.upstream_status;
  record.upstream_connect = facts.connect_time;
  record.upstream_header = facts.header_time;
  record.upstream_response = facts.response_time;
  record.upstream_cache_status = facts.cache_status;
  record.retries = facts.retried ? 1 : 0;
  record.end_reason = exchange.reason().row ? exchange.reason().row->name : "";
  log(generation, record);
}

}  // namespace webfront
