// SPDX-License-Identifier: BSD-2-Clause
// The life of a serving process: open, drop rights, start workers, serve, drain, stop. The main thread is the control thread;
// its loop runs admin, metrics, signals and the daemon's own checks.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "net/offload.h"
#include "observe/error_log.h"
#include "observe/log_writer.h"
#include "observe/metrics.h"
#include "process/control_server.h"
#include "process/daemon.h"
#include "process/ready_file.h"
#include "process/worker_frame.h"

namespace process {

class Signals;

class Life final : public Runtime, public net::TaskOwner {
 public:
  struct Start {
    std::string name;                         // of the daemon
    std::vector<std::string> configurations;
    std::string ready_file;
  };
  Life(Daemon& daemon, Start start);
  ~Life() override;
  // Serves until stopped. The exit code.
  int run();

  std::uint32_t workers() const override { return worker_count_; }
  net::Thread& worker(std::uint32_t index) override { return *threads_[index]; }
  net::Thread& control() override { return control_; }
  net::Offload& offload() override { return *offload_; }
  observe::LogWriter& log_writer() override { return log_writer_; }
  std::optional<std::uint16_t> access_log() const override { return access_log_; }
  observe::LogRing& log_ring(std::uint32_t index) override { return *rings_[index]; }
  observe::ErrorLog& error_log() override { return error_log_; }
  observe::Metrics& metrics() override { return metrics_; }
  std::uint32_t connections() const override;
  bool draining() const override { return phase_.load(std::memory_order_relaxed) != Phase::serving; }
  void reap(net::Task& child) override;

  // From signals and commands, on the control thread:
  void on_signal(int number);
  void begin_drain(const std::string& why);
  void begin_stop(const std::string& why);
  void reopen_logs();
  std::string status_text() const;
  std::string status_json() const;

 private:
  // In the order in which they happen.
  enum class Phase : std::uint8_t { serving, draining, stopping };
  class Watch;

  bool open_logs();
  bool open_listeners();
  bool open_pages();
  bool drop_rights();
  bool open_one(const Address& address, std::size_t workers, const net::ListenOptions& options, const std::string& label, std::unique_ptr<net::Listener>& out);
  void add_commands();
  void add_metrics();
  void serve_control();
  void start_workers();
  void on_each_worker(void (WorkerFrame::*what)());
  void watch();                // drain or stop going on: done, too late?
  void end_workers();
  void fail(const std::string& message);

  Daemon& daemon_;
  Start start_;
  const std::uint32_t worker_count_;
  base::WallTime started_;
  observe::LogWriter log_writer_;
  observe::ErrorLog error_log_;
  observe::Metrics metrics_;
  std::vector<observe::LogRing*> rings_;
  std::optional<std::uint16_t> access_log_;
  bool log_to_file_ = false;
  net::Thread control_;
  net::MemoryBudget budget_{SIZE_MAX};
  OpenListeners listeners_;
  std::vector<std::unique_ptr<net::Listener>> pages_;
  ReadyLines ready_;
  std::vector<std::unique_ptr<net::Thread>> threads_;
  std::vector<std::unique_ptr<WorkerFrame>> frames_;
  std::unique_ptr<net::Offload> offload_;
  AdminRegistry commands_;
  std::unique_ptr<ControlServer> control_server_;
  std::unique_ptr<Signals> signals_;
  std::unique_ptr<Watch> watch_;
  std::atomic<Phase> phase_{Phase::serving};
  std::uint32_t expected_ = 0;           // orders sent to workers …
  std::atomic<std::uint32_t> told_{0};   // … and carried out
  base::TimePoint give_up_{};
};

}  // namespace process
