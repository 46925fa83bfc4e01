// SPDX-License-Identifier: BSD-2-Clause
// webfront as the process frame runs it: configuration, listeners, services. Control thread.
#pragma once

#include "net/tls.h"
#include "process/daemon.h"
#include "webfront/front_service.h"
#include "webfront/options.h"

namespace webfront {

class Daemon final : public process::DaemonWith<Options> {
 public:
  const process::ProcessOptions& process_options() const override { return root_.process; }
  const process::LogOptions& log_options() const override { return root_.log; }
  void explain(process::AdminArguments arguments, process::Reply& reply) override;

  std::vector<process::ListenerSpec> listeners() override;
  http::ServerOptions server_options() const override;
  base::Result<void> start(process::Runtime& runtime) override;
  std::unique_ptr<http::Service> make_service(process::Runtime& runtime, net::Thread& worker) override;

 protected:
  bool check(config::Context& context) override;

 private:
  bool check_listeners(config::Context& context);
  Shared shared_;
  std::vector<std::shared_ptr<net::TlsContext>> tls_;  // one for each [[listen]], null: plain
  std::shared_ptr<net::TicketKeys> tickets_ = std::make_shared<net::TicketKeys>();
  std::vector<std::unique_ptr<http::LoopDesk>> desks_;  // outlive the books' messages; one a worker
};

}  // namespace webfront
