// SPDX-License-Identifier: BSD-2-Clause
// webfront as the process frame runs it: configuration, listeners, services. Control thread, but for make_service.
#pragma once

#include "net/tls.h"
#include "process/certificate_watch.h"
#include "process/daemon.h"
#include "process/ticket_rotation.h"
#include "webfront/front_service.h"
#include "webfront/generation.h"
#include "webfront/options.h"

namespace webfront {

class Daemon final : public process::DaemonWith<Options> {
 public:
  const process::ProcessOptions& process_options() const override { return root_.process; }
  const process::LogOptions& log_options() const override { return root_.log; }
  void succeed(process::Daemon& serving) override;
  void names(process::Named& out) const override;
  void explain(process::AdminArguments arguments, process::Reply& reply) override;

  std::vector<process::ListenerSpec> listeners() override;
  http::ServerOptions server_options() const override;
  base::Result<void> start(process::Runtime& runtime) override;
  base::Result<std::unique_ptr<process::Generation>> prepare(process::Daemon& from, const process::Generation* previous) override;
  void commit(process::Daemon& from, process::Generation& next) override;
  void settled(const process::Generation& next, const process::Generation& before) override;
  std::unique_ptr<process::WorkerService> make_service(process::Runtime& runtime, net::Thread& worker, process::Generations& generations) override;
  void append_metrics(std::string& out) override;
  // The ticket keys, so that clients of the process before are known to the next.
  std::string handover_state() override;
  void take_handover_state(std::string_view state) override;
  process::HandoverBooks books() override { return state_->books(); }
  void stop() override;

 protected:
  bool check(config::Context& context) override;

 private:
  void check_listeners(config::Context& context);
  void watch_certificates();
  void replaced(const process::TlsMaterial& old, const std::shared_ptr<const process::TlsMaterial>& fresh);

  // Of the configuration.
  std::shared_ptr<const Compiled> compiled_;
  process::TlsMaterials tls_;        // one for each [[listen]], null: plain
  // Of the process; a successor shares the first.
  std::shared_ptr<net::TicketKeys> tickets_ = std::make_shared<net::TicketKeys>();
  process::TlsMaterials inherited_;  // of the daemon that serves, while this one reads
  process::Runtime* runtime_ = nullptr;
  std::optional<State> state_;
  std::unique_ptr<process::CertificateWatch> watch_;
  std::unique_ptr<process::TicketRotation> rotation_;
  std::vector<std::unique_ptr<http::LoopDesk>> desks_;  // outlive the books' messages; one a worker
};

}  // namespace webfront
