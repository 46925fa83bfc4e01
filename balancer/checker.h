// SPDX-License-Identifier: BSD-2-Clause
// Checks of servers on the control thread, which answers also under load: HTTP requests or mere connections at the intervals
// of the backend, judged by health_after, applied to the backend's book. Also the clock of servers without checks that
// refused a connection: they are tried again after a second.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "balancer/options.h"
#include "balancer/state.h"
#include "http/upstream_pool.h"
#include "net/transport.h"
#include "observe/error_log.h"

namespace balancer {

class CheckTask;
class WakeTask;

class Checker final : public net::TaskOwner {
 public:
  Checker(net::EventLoop& loop, observe::ErrorLog& log, http::UpstreamPool::Connector connector = net::connect_plain);
  ~Checker();
  void reap(net::Task& child) override;
  // Before any thread uses the book: refused connections are told here.
  void watch(const std::shared_ptr<BackendState>& backend);
  // The server's checks go on, or begin anew where the options are others; its health is kept. Both live until end().
  void begin(BackendState& backend, Server& server, const CheckOptions& options);
  void end(const Server& server);
  // Check this server at once (an administrator made it ready).
  void check_now(const Server& server);
  std::size_t tasks() const { return tasks_.size(); }

  http::UpstreamPool& pool() { return pool_; }
  const http::UpstreamPool::Connector& connector() const { return connector_; }
  observe::ErrorLog& log() { return log_; }
  std::vector<std::weak_ptr<BackendState>>& watched() { return watched_; }

 private:
  void refused(BackendState& backend, http::RowId row);

  net::EventLoop& loop_;
  observe::ErrorLog& log_;
  http::UpstreamPool::Connector connector_;
  http::UpstreamPool pool_;
  std::unordered_map<const Server*, std::unique_ptr<CheckTask>> tasks_;
  std::vector<std::weak_ptr<BackendState>> watched_;
  std::unique_ptr<WakeTask> wake_;
};

}  // namespace balancer
