// SPDX-License-Identifier: BSD-2-Clause
// A worker's part of cachenode: makes exchanges, owns the worker's fetches and upstream connections, counts and logs. Worker thread.
#pragma once

#include <memory>
#include <unordered_map>

#include "base/handle.h"
#include "cachenode/fetch.h"
#include "cachenode/request_log.h"
#include "cachenode/generation.h"
#include "cachenode/store/store.h"
#include "http/admission.h"
#include "http/exchange.h"
#include "http/upstream_pool.h"
#include "observe/metrics.h"
#include "process/daemon.h"

namespace cachenode {

class CacheExchange;

// What became of a request: the label of cachenode_requests_total.
enum class Outcome : std::uint8_t { hit, stale, collapsed, miss, revalidated, pass, purge, refused, failed };
const char* outcome_name(Outcome outcome);
inline constexpr std::size_t outcomes = 9;

class CacheService final : public process::WorkerService {
 public:
  CacheService(net::EventLoop& loop, process::Generations& generations, store::Store& store, http::LoopDesk& desk, unsigned worker, RequestLog log, process::Runtime& runtime);
  ~CacheService() override;

  std::unique_ptr<http::Exchange> open(net::TaskOwner& owner, http::Stream stream) override;
  void rejected(const http::Rejected& what) override;
  void noticed(const base::Reason& what, const http::ConnectionInfo& connection) override;
  void error_answer(const base::Error& error, http::ResponseHead& head, std::string& body) override;
  void adopt(const process::Generation& next) override;

  net::EventLoop& loop() { return loop_; }
  const Generation& current() const { return static_cast<const Generation&>(generations_.current()); }
  store::Store& store() { return store_; }
  http::LoopDesk& desk() { return desk_; }
  http::UpstreamPool& pool() { return pool_; }
  FetchTable& fetches() { return fetches_; }
  unsigned worker() const { return worker_; }
  base::HandleTable<CacheExchange>& exchanges() { return exchanges_; }
  CacheExchange* exchange(base::Handle handle) { return handle ? exchanges_.find(handle) : nullptr; }
  bool draining() const { return runtime_.draining(); }

  void finished(CacheExchange& exchange);
  void count_fetch(std::string_view result);
  void count_reason(const base::Reason& reason);
  void count_purge(std::size_t objects);

 private:
  observe::Cell& labelled(std::unordered_map<std::string_view, observe::Cell*>& cells, const char* metric, const char* help, const char* label, std::string_view value);

  net::EventLoop& loop_;
  process::Generations& generations_;
  store::Store& store_;
  http::LoopDesk& desk_;
  const unsigned worker_;
  RequestLog log_;
  process::Runtime& runtime_;
  observe::Cell* outcome_cells_[outcomes];
  observe::Cell* bytes_out_;
  observe::Cell* purged_;
  std::unordered_map<std::string_view, observe::Cell*> fetch_cells_, reason_cells_, limit_cells_;
  base::HandleTable<CacheExchange> exchanges_;
  http::UpstreamPool pool_;
  FetchTable fetches_;   // goes before the pool and the desk
};

}  // namespace cachenode
