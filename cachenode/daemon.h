// SPDX-License-Identifier: BSD-2-Clause
// cachenode as the process's frame runs it. Control thread, but for make_service.
#pragma once

#include "cachenode/options.h"
#include "cachenode/probe.h"
#include "cachenode/shared.h"
#include "http/access_log.h"
#include "process/daemon.h"

namespace cachenode {

class CachenodeDaemon final : public process::DaemonWith<Options> {
 public:
  ~CachenodeDaemon() override;
  const process::ProcessOptions& process_options() const override { return root_.process; }
  const process::LogOptions& log_options() const override { return root_.log; }
  void explain(process::AdminArguments arguments, process::Reply& reply) override;

  std::vector<process::ListenerSpec> listeners() override;
  http::ServerOptions server_options() const override;
  void commands(process::AdminRegistry& registry) override;
  base::Result<void> start(process::Runtime& runtime) override;
  std::unique_ptr<http::Service> make_service(process::Runtime& runtime, net::Thread& worker) override;
  void stop() override;

 protected:
  bool check(config::Context& context) override;

 private:
  Shared& shared();  // made when first needed
  void stat(process::Reply& reply);
  void register_metrics(observe::Metrics& metrics);

  std::shared_ptr<const http::AccessFormat> format_;
  process::Runtime* runtime_ = nullptr;
  // Desks go before the origin's book, the store before its doors.
  std::unique_ptr<Shared> shared_;
  std::unique_ptr<WorkerDoors> doors_;
  std::unique_ptr<store::Store> store_;
  std::vector<std::unique_ptr<http::LoopDesk>> desks_;
  std::unique_ptr<ProbeOwner> probe_;
};

}  // namespace cachenode
