// SPDX-License-Identifier: BSD-2-Clause
#include "balancer/balance_service.h"

#include <cstring>

#include "balancer/balance_exchange.h"
#include "balancer/own_answer.h"
#include "http/notices.h"
#include "observe/error_log.h"
#include "observe/metrics.h"

namespace balancer {
namespace {

std::uint64_t milliseconds(base::Duration d) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::milliseconds>(d).count()));
}

// The engine's rows name options of [limits]; the balancer's are timeouts.
std::string with_own_option(std::string text) {
  const std::size_t at = text.find("(limits.");
  if (at == std::string::npos) return text;
  if (text.find("(limits.min_", at) == at) return text.replace(at, std::strlen("(limits."), "(defaults.");
  const bool head = text.find("(limits.header_timeout)", at) == at;
  return text.replace(at, text.find(')', at) + 1 - at, head ? "(defaults.timeout.http_request)" : "(defaults.timeout.client)");
}

}  // namespace

BalanceService::BalanceService(net::EventLoop& loop, process::Generations& generations, http::LoopDesk& desk, std::size_t worker, RequestLog log, ServiceTools tools,
                               http::UpstreamPool::Connector connector)
    : loop_(loop), generations_(generations), desk_(desk), pool_(loop, std::move(connector)), worker_(worker), log_(std::move(log)), tools_(std::move(tools)) {}

BalanceService::~BalanceService() {
  if (tools_.ended) tools_.ended();
}

void BalanceService::adopt(const process::Generation& next) {
  for (const auto& endpoint : static_cast<const Generation&>(next).gone) pool_.forget(*endpoint);
}

std::unique_ptr<http::Exchange> BalanceService::open(net::TaskOwner& owner, http::Stream stream) {
  return std::make_unique<BalanceExchange>(*this, owner, std::move(stream));
}

void BalanceService::rejected(const http::Rejected& what) {
  const auto& generation = static_cast<const Generation&>(generations_.current());
  const auto* frontend = static_cast<const Frontend*>(generation.listener_view(what.connection->listener->id));
  Counters& counters = frontend->state->counters.of(worker_);
  counters.requests.add();
  counters.request_errors.add();
  if (what.status) counters.count_status(what.status);
  counters.bytes_out.add(what.bytes_sent);
  log_.write(what, generation, frontend->options.name, loop_.now(), loop_.clock().wall(), connections());
}

// A limit or time-out of a connection: counted by its row, and told with the option that sets it.
void BalanceService::noticed(const base::Reason& what, const http::ConnectionInfo& connection) {
  if (!tools_.metrics) return;
  tools_.metrics->counter("balancer_client_limits_total", "Limits and time-outs of client connections that were reached.", {{"reason", what.row->name}})
      .cell(worker_).add();
  const observe::Level level = http::notice_level(*what.row);
  if (!tools_.errors->enabled(level)) return;
  tools_.errors->write(level, connection.peer->remote.text() + ": " + with_own_option(what.text()), what.row->name);
}

void BalanceService::error_answer(const base::Error& error, http::ResponseHead& head, std::string& body) {
  OwnAnswer answer = balancer::error_answer(error, {}, nullptr);
  head = std::move(answer.head);
  body = std::move(answer.body);
}

void BalanceService::finished(BalanceExchange& exchange) {
  const BalanceExchange::Facts& f = exchange.facts();
  const http::Stream& stream = exchange.stream();
  const base::TimePoint now = loop_.now();
  log_.write(exchange, now, connections());
  const std::uint64_t in = stream.head_bytes + stream.body->received(), out = stream.sink->total_bytes();
  const auto count = [&](Counters& counters) {
    counters.bytes_in.add(in);
    counters.bytes_out.add(out);
    if (f.status) counters.count_status(f.status);
    counters.total_ms.add(milliseconds(now - stream.began));
  };
  Counters& front = f.frontend->state->counters.of(worker_);
  front.requests.add();
  count(front);
  if (!f.backend) return;
  Counters& back = f.backend->state->counters.of(worker_);
  back.requests.add();
  count(back);
  back.queue_ms.add(milliseconds(f.queue_time));
  if (!f.server) return;
  Counters& server = f.server->counters.of(worker_);
  count(server);
  server.queue_ms.add(milliseconds(f.queue_time));
  if (f.answered == base::TimePoint{}) return;
  for (Counters* c : {&back, &server}) {
    c->connect_ms.add(milliseconds(f.connect_time));
    c->response_ms.add(milliseconds(f.answered - f.sent));
  }
}

}  // namespace balancer
