// SPDX-License-Identifier: BSD-2-Clause
// The balancer as the process's frame runs it. Control thread, but for make_service.
#pragma once

#include "balancer/checker.h"
#include "balancer/generation.h"
#include "balancer/handover.h"
#include "balancer/roster.h"
#include "balancer/state_file.h"
#include "process/daemon.h"

namespace balancer {

class BalanceService;

class BalancerDaemon final : public process::DaemonWith<Options> {
 public:
  BalancerDaemon();
  ~BalancerDaemon() override;
  const process::ProcessOptions& process_options() const override { return root_.process; }
  const process::LogOptions& log_options() const override { return root_.log; }
  void names(process::Named& out) const override;
  void explain(process::AdminArguments arguments, process::Reply& reply) override;

  std::vector<process::ListenerSpec> listeners() override;
  std::vector<process::PageSpec> pages() override;
  http::ServerOptions server_options() const override;
  void commands(process::AdminRegistry& registry) override;
  base::Result<void> start(process::Runtime& runtime) override;
  base::Result<std::unique_ptr<process::Generation>> prepare(process::Daemon& from, const process::Generation* previous) override;
  void commit(process::Daemon& from, process::Generation& next) override;
  void settled(const process::Generation& next, const process::Generation& before) override;
  std::unique_ptr<process::WorkerService> make_service(process::Runtime& runtime, net::Thread& worker, process::Generations& generations) override;
  void append_metrics(std::string& out) override;
  std::string handover_state() override { return handover_text(*roster_.plan(), roster_.overrides()); }
  void take_handover_state(std::string_view state) override { handed_over_ = parse_handover(state); }
  process::HandoverBooks books() override;
  void draining() override;
  void stop() override;

  const Roster& roster() const { return roster_; }
  const Checker* checker() const { return checker_.get(); }

 protected:
  bool check(config::Context& context) override;

 private:
  const std::shared_ptr<Plan>& plan();  // of this object's configuration; made when first needed
  Roster::Tools tools();
  void forget(const Roster::Endpoints& endpoints);
  void keep_state();
  base::TimePoint now() const;

  std::shared_ptr<const http::AccessFormat> format_;
  std::shared_ptr<Plan> plan_;
  process::Runtime* runtime_ = nullptr;
  std::uint32_t workers_ = 0;        // fixed by the start
  Roster roster_;
  std::unique_ptr<StateFile> state_file_;
  std::optional<Handover> handed_over_;  // by the process before this one, until the first generation serves
  // Desks go before the books.
  std::vector<std::unique_ptr<http::LoopDesk>> desks_;
  std::vector<BalanceService*> services_;  // each used on its worker's thread only
  std::unique_ptr<Checker> checker_;
};

}  // namespace balancer
