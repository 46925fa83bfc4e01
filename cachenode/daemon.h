// SPDX-License-Identifier: BSD-2-Clause
// cachenode as the process's frame runs it. Control thread, but for make_service.
#pragma once

#include "cachenode/generation.h"
#include "cachenode/options.h"
#include "cachenode/probe.h"
#include "cachenode/store_bound.h"
#include "cachenode/worker_doors.h"
#include "process/daemon.h"

namespace cachenode {

class CachenodeDaemon final : public process::DaemonWith<Options> {
 public:
  ~CachenodeDaemon() override;
  const process::ProcessOptions& process_options() const override { return root_.process; }
  const process::LogOptions& log_options() const override { return root_.log; }
  void names(process::Named& out) const override;
  void explain(process::AdminArguments arguments, process::Reply& reply) override;

  std::vector<process::ListenerSpec> listeners() override;
  http::ServerOptions server_options() const override;
  void commands(process::AdminRegistry& registry) override;
  base::Result<void> start(process::Runtime& runtime) override;
  base::Result<std::unique_ptr<process::Generation>> prepare(process::Daemon& from, const process::Generation* previous) override;
  void commit(process::Daemon& from, process::Generation& next) override;
  void settled(const process::Generation& next, const process::Generation& before) override;
  std::unique_ptr<process::WorkerService> make_service(process::Runtime& runtime, net::Thread& worker, process::Generations& generations) override;
  // The origin's. What is stored stays behind: the next process begins with an empty store.
  process::HandoverBooks books() override { return {{origin_->name(), std::shared_ptr<http::Admission>(origin_, &origin_->book)}}; }
  void draining() override;
  void stop() override;

 protected:
  bool check(config::Context& context) override;

 private:
  void stat(process::Reply& reply);
  void register_metrics(observe::Metrics& metrics);

  std::shared_ptr<const Compiled> compiled_;  // null while reading failed
  // Of the process. Desks go before the origin's book, the store before its doors.
  process::Runtime* runtime_ = nullptr;
  std::shared_ptr<Origin> origin_;            // the current one
  State state_;
  std::unique_ptr<WorkerDoors> doors_;
  std::unique_ptr<store::Store> store_;
  std::vector<std::unique_ptr<http::LoopDesk>> desks_;
  std::unique_ptr<ProbeOwner> probe_;
  std::unique_ptr<StoreBound> bound_;
};

}  // namespace cachenode
