// SPDX-License-Identifier: BSD-2-Clause
// The balancer as the process's frame runs it. Control thread, but for make_service.
#pragma once

#include "balancer/backend.h"
#include "balancer/checker.h"
#include "http/access_log.h"
#include "process/daemon.h"

namespace balancer {

class BalancerDaemon final : public process::DaemonWith<Options> {
 public:
  ~BalancerDaemon() override;
  const process::ProcessOptions& process_options() const override { return root_.process; }
  const process::LogOptions& log_options() const override { return root_.log; }
  void explain(process::AdminArguments arguments, process::Reply& reply) override;

  std::vector<process::ListenerSpec> listeners() override;
  std::vector<process::PageSpec> pages() override;
  http::ServerOptions server_options() const override;
  void commands(process::AdminRegistry& registry) override;
  base::Result<void> start(process::Runtime& runtime) override;
  std::unique_ptr<http::Service> make_service(process::Runtime& runtime, net::Thread& worker) override;
  void append_metrics(std::string& out) override;
  void stop() override;

 protected:
  bool check(config::Context& context) override;

 private:
  State& state();  // made when first needed
  base::TimePoint now() const { return runtime_ ? runtime_->control().loop().now() : base::precise_now(); }

  std::shared_ptr<const http::AccessFormat> format_;
  process::Runtime* runtime_ = nullptr;
  // Desks go before the books of the state.
  std::unique_ptr<State> state_;
  std::vector<std::unique_ptr<http::LoopDesk>> desks_;
  std::unique_ptr<Checker> checker_;
};

}  // namespace balancer
