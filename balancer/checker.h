// SPDX-License-Identifier: BSD-2-Clause
// Checks of servers on the control thread, which answers also under load: HTTP requests or mere connections at the intervals
// of the backend, judged by health_after, applied to the backend's book. Also the clock of servers without checks that
// refused a connection: they are tried again after a second.
#pragma once

#include <memory>
#include <vector>

#include "balancer/backend.h"
#include "http/upstream_pool.h"
#include "net/transport.h"
#include "observe/error_log.h"

namespace balancer {

class CheckTask;
class WakeTask;

class Checker final : public net::TaskOwner {
 public:
  Checker(net::EventLoop& loop, State& state, observe::ErrorLog& log, http::UpstreamPool::Connector connector = net::connect_plain);
  ~Checker();
  void reap(net::Task& child) override;
  // Check this server at once (an administrator made it ready).
  void check_now(std::size_t backend, std::size_t server);

  State& state() { return state_; }
  http::UpstreamPool& pool() { return pool_; }
  const http::UpstreamPool::Connector& connector() const { return connector_; }
  observe::ErrorLog& log() { return log_; }

 private:
  void refused(std::size_t backend, std::size_t row);

  net::EventLoop& loop_;
  State& state_;
  observe::ErrorLog& log_;
  http::UpstreamPool::Connector connector_;
  http::UpstreamPool pool_;
  std::vector<std::vector<std::unique_ptr<CheckTask>>> tasks_;  // by backend and server, null where nothing is checked
  std::unique_ptr<WakeTask> wake_;
};

}  // namespace balancer
