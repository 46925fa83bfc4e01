// SPDX-License-Identifier: BSD-2-Clause
// The life of a serving process: open, start workers, serve, reload, drain, stop. The main thread is the control thread;
// its loop runs admin, metrics, signals and the daemon's own checks.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "net/offload.h"
#include "observe/metrics.h"
#include "process/control_listeners.h"
#include "process/daemon.h"
#include "process/generation_book.h"
#include "process/graveyard.h"
#include "process/handover_predecessor.h"
#include "process/handover_upgrade.h"
#include "process/listeners.h"
#include "process/logs.h"
#include "process/reload.h"
#include "process/systemd.h"
#include "process/watchdog.h"
#include "process/workers.h"

namespace process {

class AdminTrace;
class Signals;

class Life final : public Runtime, public net::TaskOwner {
 public:
  struct Start {
    std::string name;                         // of the daemon
    std::vector<std::string> configurations;
    std::string ready_file;
    std::function<std::unique_ptr<Daemon>()> make;  // another daemon object, for a reload
    Access* access = &direct_access();        // who opens what needs rights; outlives us
    ActivatedSockets activated;               // listening sockets that systemd gave
    Program program;                          // for an upgrade
    std::unique_ptr<Predecessor> before;      // the process that hands over to this one; null: a start like any other
  };
  Life(Daemon& daemon, Start start);
  ~Life() override;
  // Serves until stopped. The exit code.
  int run();

  std::uint32_t workers() const override { return workers_.count(); }
  net::Thread& worker(std::uint32_t index) override { return workers_.thread(index); }
  net::Thread& control() override { return control_; }
  net::Offload& offload() override { return *offload_; }
  observe::LogWriter& log_writer() override { return logs_.writer(); }
  observe::LogRing& log_ring(std::uint32_t index) override { return logs_.ring(index); }
  observe::ErrorLog& error_log() override { return logs_.error_log(); }
  Access& access() override { return *start_.access; }
  observe::Metrics& metrics() override { return metrics_; }
  std::uint32_t connections() const override { return workers_.connections(); }
  bool draining() const override { return phase_.load(std::memory_order_relaxed) != Phase::serving; }
  void bury(std::shared_ptr<void> state, std::function<bool()> in_use, std::function<void()> last) override;
  void exhume(const void* state) override;
  void replace_tls(const net::TlsContext* old, std::shared_ptr<net::TlsContext> fresh) override;
  void reap(net::Task&) override {}

  // From signals and commands, on the control thread:
  void on_signal(int number);
  // One after the other. `done` is called once, when all workers serve by the new configuration, or when it was refused.
  void reload(bool dry_run, ReloadDone done);
  // After a reload that goes on. `done` is called once, when another process serves and this one drains, or when it came to nothing.
  void upgrade(UpgradeDone done);
  void begin_drain(const std::string& why);
  void begin_stop(const std::string& why);
  // Options that a reload changed and only a restart applies.
  std::vector<std::string> needs_restart() const;
  std::string status_text() const;
  std::string status_json() const;
  const char* state_name() const;

 private:
  // In the order in which they happen.
  enum class Phase : std::uint8_t { serving, draining, stopping };
  class Watch;
  friend class Reload;
  friend class Upgrade;

  bool open_all();
  bool open_listeners();
  Binder binder();
  void begin_watchdog();
  void tell_ready();
  std::vector<ControlListeners::Spec> control_specs(Daemon& daemon);
  bool start_generation();
  WorkerFrame::Events worker_events();
  void accepter_gone(std::uint32_t listener);
  bool write_ready();
  void add_commands();
  std::shared_ptr<AdminTrace> make_trace();
  void answer_reopen(Reply& reply);
  void add_metrics();
  void serve_control();
  int serve();
  Page metrics_page(const PageRequest& request);
  void next_reload();
  void take_over();            // listeners and state of the process before this one
  void tell_predecessor();     // that this one serves
  void next_upgrade();
  // Another process has these listeners, by kind and key, and serves; `done` when nothing is accepted here any more.
  void hand_over(const std::vector<std::pair<std::int64_t, std::string>>& taken, std::function<void()> done);
  void reloaded(const ReloadDone& done);
  void watch();                // drain or stop going on: done, too late?
  void on_each_worker(void (WorkerFrame::*what)());
  void leave_connections();

  Daemon& daemon_;
  Start start_;
  base::TimePoint started_;  // monotonic: a step of the wall clock makes nobody older
  Logs logs_;
  observe::Metrics metrics_;
  net::Thread control_;
  net::MemoryBudget budget_{SIZE_MAX};
  Workers workers_;
  Listeners listeners_;
  std::vector<ListenerSpec> first_specs_;                // opened before there is a generation that knows them
  std::optional<Listeners::Change> first_listeners_;
  ControlListeners pages_;
  GenerationBook generations_;
  std::unique_ptr<Graveyard> graveyard_;
  std::unique_ptr<net::Offload> offload_;
  AdminRegistry commands_;
  std::unique_ptr<ControlServer> control_server_;
  std::unique_ptr<Signals> signals_;
  std::unique_ptr<Watch> watch_;
  Notifier notifier_ = Notifier::from_environment();
  std::unique_ptr<Watchdog> watchdog_;
  std::atomic<Phase> phase_{Phase::serving};
  bool told_ = true;                     // the last order to the workers was carried out
  std::uint64_t orders_ = 0;
  base::TimePoint give_up_{};
  // Reloading.
  std::unique_ptr<Reload> reload_;       // the one that goes on
  struct Wanted {
    bool dry_run;
    ReloadDone done;
  };
  std::deque<Wanted> reloads_;
  ReloadCounts reload_counts_;
  // Upgrading.
  std::unique_ptr<Upgrade> upgrade_;     // it goes on, or the other process serves already
  UpgradeDone upgrade_waits_;
  UpgradeCounts upgrade_counts_;
  config::Node started_with_;
};

}  // namespace process
