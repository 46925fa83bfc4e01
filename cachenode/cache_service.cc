// SPDX-License-Identifier: BSD-2-Clause
#include "cachenode/cache_service.h"

#include "cachenode/cache_exchange.h"
#include "cachenode/own_answer.h"
#include "http/notices.h"
#include "observe/error_log.h"

namespace cachenode {

const char* outcome_name(Outcome outcome) {
  static constexpr const char* names[] = {"hit", "stale", "collapsed", "miss", "revalidated", "pass", "purge", "refused", "failed"};
  return names[static_cast<std::size_t>(outcome)];
}

CacheService::CacheService(net::EventLoop& loop, process::Generations& generations, store::Store& store, http::LoopDesk& desk, unsigned worker, RequestLog log,
                           process::Runtime& runtime)
    : loop_(loop), generations_(generations), store_(store), desk_(desk), worker_(worker), log_(std::move(log)), runtime_(runtime), pool_(loop), fetches_(*this) {
  observe::Metrics& metrics = runtime.metrics();
  for (std::size_t i = 0; i < outcomes; ++i)
    outcome_cells_[i] = &metrics.counter("cachenode_requests_total", "Requests by what became of them.", {{"outcome", outcome_name(static_cast<Outcome>(i))}}).cell(worker);
  bytes_out_ = &metrics.counter("cachenode_sent_bytes_total", "Bytes sent to clients, heads included.").cell(worker);
  purged_ = &metrics.counter("cachenode_purged_objects_total", "Objects removed by invalidations.").cell(worker);
}

CacheService::~CacheService() { fetches_.clear(); }

void CacheService::adopt(const process::Generation& next) {
  if (const auto& gone = static_cast<const Generation&>(next).gone) pool_.forget(*gone);
}

std::unique_ptr<http::Exchange> CacheService::open(net::TaskOwner& owner, http::Stream stream) {
  return std::make_unique<CacheExchange>(*this, owner, std::move(stream), generations_.pin());
}

void CacheService::rejected(const http::Rejected& what) {
  outcome_cells_[static_cast<std::size_t>(Outcome::refused)]->add();
  bytes_out_->add(what.bytes_sent);
  count_reason(what.error.reason);
  log_.write(current(), what, loop_.now(), loop_.clock().wall());
}

observe::Cell& CacheService::labelled(std::unordered_map<std::string_view, observe::Cell*>& cells, const char* metric, const char* help, const char* label,
                                      std::string_view value) {
  observe::Cell*& cell = cells[value];
  if (!cell) cell = &runtime_.metrics().counter(metric, help, {{label, std::string(value)}}).cell(worker_);
  return *cell;
}

// Values are rows' names and literals: they outlive the tables.
void CacheService::count_fetch(std::string_view result) {
  labelled(fetch_cells_, "cachenode_fetches_total", "Fetches by what became of their answer.", "result", result).add();
}
void CacheService::count_reason(const base::Reason& reason) {
  labelled(reason_cells_, "cachenode_reasons_total", "Requests that were no plain hit, by reason.", "reason", reason.row->name).add();
}
void CacheService::count_purge(std::size_t objects) { purged_->add(objects); }

void CacheService::noticed(const base::Reason& what, const http::ConnectionInfo& connection) {
  labelled(limit_cells_, "cachenode_client_limits_total", "Limits and time-outs of client connections that were reached.", "reason", what.row->name).add();
  const observe::Level level = http::notice_level(*what.row);
  if (!runtime_.error_log().enabled(level)) return;
  runtime_.error_log().write(level, connection.peer->remote.text() + ": " + what.text(), what.row->name);
}

void CacheService::error_answer(const base::Error& error, http::ResponseHead& head, std::string& body) {
  OwnAnswer answer = own_answer(error, {});
  head = std::move(answer.head);
  body = std::move(answer.body);
}

void CacheService::finished(CacheExchange& exchange) {
  const CacheExchange::Facts& f = exchange.facts();
  outcome_cells_[static_cast<std::size_t>(f.outcome)]->add();
  bytes_out_->add(exchange.stream().sink->total_bytes());
  if (f.detail && f.outcome != Outcome::hit) count_reason(f.detail);
  // A tunnel has let go of the generation it began with: its line is written as the current one says.
  log_.write(exchange.generation() ? *exchange.generation() : current(), exchange, loop_.now());
}

}  // namespace cachenode
