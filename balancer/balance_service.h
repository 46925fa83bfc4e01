// SPDX-License-Identifier: BSD-2-Clause
// A worker's part of the balancer: makes exchanges, owns the worker's upstream connections, counts and logs what ended.
// Worker thread.
#pragma once

#include <functional>

#include "balancer/generation.h"
#include "balancer/request_log.h"
#include "http/exchange.h"
#include "http/upstream_pool.h"
#include "net/transport.h"

namespace observe {
class ErrorLog;
class Metrics;
}  // namespace observe

namespace balancer {

class BalanceExchange;

// What a worker uses of the process. Null in tests.
struct ServiceTools {
  std::function<std::uint32_t()> connections;  // of clients, all workers; for the log
  observe::Metrics* metrics = nullptr;
  observe::ErrorLog* errors = nullptr;
  std::function<void()> ended;                 // the service is gone
};

class BalanceService final : public process::WorkerService {
 public:
  BalanceService(net::EventLoop& loop, process::Generations& generations, http::LoopDesk& desk, std::size_t worker, RequestLog log, ServiceTools tools,
                 http::UpstreamPool::Connector connector = net::connect_plain);
  ~BalanceService() override;

  std::unique_ptr<http::Exchange> open(net::TaskOwner& owner, http::Stream stream) override;
  void rejected(const http::Rejected& what) override;
  void noticed(const base::Reason& what, const http::ConnectionInfo& connection) override;
  void adopt(const process::Generation& next) override;
  void error_answer(const base::Error& error, http::ResponseHead& head, std::string& body) override;

  net::EventLoop& loop() { return loop_; }
  process::Generations& generations() { return generations_; }
  http::LoopDesk& desk() { return desk_; }
  http::UpstreamPool& pool() { return pool_; }
  std::size_t worker() const { return worker_; }
  void finished(BalanceExchange& exchange);

 private:
  std::uint32_t connections() const { return tools_.connections ? tools_.connections() : 0; }

  net::EventLoop& loop_;
  process::Generations& generations_;
  http::LoopDesk& desk_;
  http::UpstreamPool pool_;
  std::size_t worker_;
  RequestLog log_;
  ServiceTools tools_;
};

}  // namespace balancer
