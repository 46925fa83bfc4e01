// SPDX-License-Identifier: BSD-2-Clause
// A worker's part of the balancer: makes exchanges, owns the worker's upstream connections, counts and logs what ended.
// Worker thread.
#pragma once

#include "balancer/backend.h"
#include "balancer/request_log.h"
#include "http/exchange.h"
#include "http/upstream_pool.h"
#include "process/daemon.h"

namespace balancer {

class BalanceExchange;

class BalanceService final : public http::Service {
 public:
  BalanceService(net::EventLoop& loop, State& state, http::LoopDesk& desk, std::size_t worker, RequestLog log, process::Runtime& runtime);

  std::unique_ptr<http::Exchange> open(net::TaskOwner& owner, http::Stream stream) override;
  void rejected(const http::Rejected& what) override;
  void noticed(const base::Reason& what, const http::ConnectionInfo& connection) override;
  void error_answer(const base::Error& error, http::ResponseHead& head, std::string& body) override;

  net::EventLoop& loop() { return loop_; }
  State& state() { return state_; }
  http::LoopDesk& desk() { return desk_; }
  http::UpstreamPool& pool() { return pool_; }
  std::size_t worker() const { return worker_; }
  void finished(BalanceExchange& exchange);

 private:
  net::EventLoop& loop_;
  State& state_;
  http::LoopDesk& desk_;
  http::UpstreamPool pool_;
  std::size_t worker_;
  RequestLog log_;
  process::Runtime& runtime_;
};

}  // namespace balancer
