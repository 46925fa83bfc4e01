// SPDX-License-Identifier: BSD-2-Clause
#include "process/life.h"

#include <fmt/core.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>

#include "process/signals.h"

namespace process {
namespace {

using namespace std::chrono_literals;
using observe::Level;
constexpr base::Duration watch_interval = 20ms;
constexpr base::Duration stop_limit = 3s;  // from "close now" until connections are gone

// Every connection is two descriptors at worst; the soft limit of 1024 is a habit of login shells.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// As many as there are sockets in the groups that an upgrade hands over.
std::uint32_t worker_count(const Daemon& daemon, const Life::Start& start) {
  return start.before ? start.before->workers() : daemon.process_options().worker_count();
}

}  // namespace

// Looks after a drain or stop.
class Life::Watch final : public net::Task {
 public:
  explicit Watch(Life& life) : Task(life.control_.loop(), life), life_(life) { again(); }
  void again() { set_deadline_after(watch_interval); }

 protected:
  Step run() override {
    if (deadline_passed()) {
      again();
      life_.watch();
    }
    return Step::wait;
  }

 private:
  Life& life_;
};

Life::Life(Daemon& daemon, Start start)
    : daemon_(daemon),
      start_(std::move(start)),
      started_(base::precise_now()),
      logs_(start_.name, worker_count(daemon, start_)),
      metrics_(worker_count(daemon, start_) + 1),
      control_(start_.name, worker_count(daemon, start_)),
      workers_(start_.name, worker_count(daemon, start_), control_),
      listeners_(start_.name, workers_.count(), metrics_, binder()),
      pages_(binder()),
      generations_(workers_.count() + 1),
      started_with_(daemon.effective_tree()) {}

Life::~Life() { start_.access->set_log({}); }

// Systemd's socket if it gave one; else whoever has the right opens one.
Binder Life::binder() {
  return [this](const Address& address, std::size_t workers, const net::ListenOptions& options,
                const std::string& name) -> base::Result<std::unique_ptr<net::Listener>> {
    const std::string names[] = {name, address.text};
    if (auto given = start_.activated.take(names, address.address)) return given;
    return start_.access->bind(address.address, workers, options, address.text);
  };
}

int Life::run() {
  raise_descriptor_limit();
  start_.access->set_log([this](const std::string& text) { error_log().write(Level::warn, text); });
  take_over();
  if (!open_all()) {
    logs_.start();  // for the last words
    logs_.stop();
    if (start_.before) start_.before->failed(logs_.failure());
    return 1;
  }
  logs_.start();
  offload_ = std::make_unique<net::Offload>(net::Offload::Options{});
  signals_ = std::make_unique<Signals>(control_.loop(), *this, [this](int number) { on_signal(number); });
  graveyard_ = std::make_unique<Graveyard>(control_.loop(), workers_);
  add_metrics();
  const int code = serve();
  // Connections to servers are gone: what was lent to us is free, and so is what we lent.
  if (code != 0 && start_.before) start_.before->failed(logs_.failure());
  upgrade_.reset();
  if (start_.before) start_.before->end();
  daemon_.stop();
  control_server_.reset();
  reload_.reset();
  watch_.reset();
  signals_.reset();
  graveyard_->clear();
  generations_.clear();
  offload_.reset();
  if (code == 0) error_log().write(Level::notice, start_.name + " ends");
  logs_.stop();
  return code;
}

int Life::serve() {
  if (auto started = daemon_.start(*this); !started) {
    logs_.fail(started.error().reason.text());
    return 1;
  }
  if (!start_generation()) return 1;
  add_commands();
  serve_control();
  int code = 0;
  if (write_ready()) {
    error_log().write(Level::notice, fmt::format("{} serves with {} worker{}", start_.name, workers(), workers() == 1 ? "" : "s"));
    for (const std::string& text : start_.activated.close_rest()) error_log().write(Level::warn, text);
    begin_watchdog();
    if (start_.before) tell_predecessor();
    else tell_ready();
    control_.run_here();
  } else {
    logs_.fail("cannot write " + start_.ready_file + ": " + std::strerror(errno));
    code = 1;
  }
  watchdog_.reset();
  workers_.end();
  return code;
}

bool Life::open_all() {
  logs_.writer().set_file_opener([access = start_.access](const std::string& path) {
    auto file = access->open_log(path);
    if (!file) errno = file.error();
    return file ? file->release() : -1;
  });
  auto logs = logs_.plan(daemon_.log_options());
  if (!logs) {
    logs_.fail(logs.error());
    return false;
  }
  logs_.take(*logs);
  if (!open_listeners()) return false;
  const auto specs = control_specs(daemon_);
  auto pages = pages_.plan(specs);
  if (!pages) {
    logs_.fail(pages.error());
    return false;
  }
  pages_.take(std::move(*pages), specs);
  return true;
}

// With the rights of the start; the generation that knows the listeners is made later.
bool Life::open_listeners() {
  first_specs_ = daemon_.listeners();
  auto change = listeners_.plan(first_specs_);
  if (!change) {
    logs_.fail(change.error());
    return false;
  }
  first_listeners_ = std::move(*change);
  return true;
}

bool Life::start_generation() {
  auto prepared = daemon_.prepare(daemon_, nullptr);
  if (!prepared) {
    logs_.fail(prepared.error().reason.text());
    return false;
  }
  Generation& first = generations_.add(std::move(*prepared));
  first.access_log = logs_.access();
  listeners_.take(*first_listeners_, first_specs_, first, nullptr);
  first_listeners_.reset();
  first_specs_.clear();
  daemon_.commit(daemon_, first);
  const http::ServerOptions options = daemon_.server_options();
  budget_.set_limit(options.buffers);
  if (start_.before) start_.before->take_slots(daemon_.books(), control_.loop());
  workers_.start(daemon_, *this, budget_, worker_events(), {&first, options, listeners_.settings()});
  return true;
}

WorkerFrame::Events Life::worker_events() {
  return {[this](const Generation& generation) {
            control_.post([this, &generation] {
              if (generations_.released(generation)) graveyard_->look();
            });
          },
          [this](std::uint32_t listener) { control_.post([this, listener] { accepter_gone(listener); }); }};
}

std::vector<ControlListeners::Spec> Life::control_specs(Daemon& daemon) {
  std::vector<ControlListeners::Spec> out;
  const ProcessOptions& options = daemon.process_options();
  for (const AdminDoor& door : options.admin.doors) out.push_back({"admin", door.address, door.mode_bits(), {}, door.level, door.group});
  if (options.metrics) out.push_back({"metrics", options.metrics, 0666, [this](const PageRequest& request) { return metrics_page(request); }, {}});
  for (PageSpec& page : daemon.pages()) out.push_back({page.label, page.address, 0666, std::move(page.handler), {}});
  return out;
}

// While systemd watches. A worker that is stuck starves it as much as we do.
void Life::begin_watchdog() {
  // Whoever takes over is watched from then on, though the variable names the process before.
  const auto read = [this](const char* name) { return start_.before && std::string_view(name) == "WATCHDOG_PID" ? std::nullopt : own_environment(name); };
  const auto interval = watchdog_interval(read);
  if (!interval || !notifier_.used()) return;
  std::vector<net::Thread*> threads;
  for (std::uint32_t i = 0; i < workers(); ++i) threads.push_back(&workers_.thread(i));
  const auto late = [this](const std::vector<std::size_t>& workers) {
    for (const std::size_t worker : workers) error_log().write(Level::crit, fmt::format("worker {} does not answer; the watchdog is not told that all is well", worker));
  };
  watchdog_ = std::make_unique<Watchdog>(control_.loop(), *this, *interval, Watchdog::posts(threads), Watchdog::Events{[this] { notifier_.watchdog(); }, late});
}

void Life::tell_ready() {
  notifier_.ready(fmt::format("serves {} address{} with {} worker{}", listeners_.settings().size(), listeners_.settings().size() == 1 ? "" : "es", workers(),
                              workers() == 1 ? "" : "s"));
}

bool Life::write_ready() {
  if (start_.ready_file.empty()) return true;
  ReadyLines lines;
  listeners_.add_ready_lines(lines);
  pages_.add_ready_lines(lines);
  return write_ready_file(start_.ready_file, lines);
}

Page Life::metrics_page(const PageRequest& request) {
  if (request.path != "/metrics") return {404, "text/plain", "/metrics is here\n", {}};
  std::string text = metrics_.text();
  daemon_.append_metrics(text);
  return {200, "text/plain; version=0.0.4; charset=utf-8", std::move(text), {}};
}

void Life::serve_control() {
  control_server_ = std::make_unique<ControlServer>(control_.loop(), commands_);
  pages_.serve(*control_server_, control_specs(daemon_));
}

void Life::on_signal(int number) {
  switch (number) {
    case SIGTERM:
    case SIGQUIT:
      if (phase_ == Phase::serving) begin_drain(number == SIGTERM ? "SIGTERM" : "SIGQUIT");
      else if (number == SIGTERM) begin_stop("a second SIGTERM");
      return;
    case SIGINT: return begin_stop("SIGINT");
    case SIGUSR1: return logs_.reopen();
    case SIGHUP: return reload(false, [](const ReloadResult&) {});  // the log says how it went
    case SIGUSR2: return upgrade([](const UpgradeResult&) {});   // here, too
    default: return;
  }
}

void Life::on_each_worker(void (WorkerFrame::*what)()) {
  told_ = false;
  workers_.tell([what](WorkerFrame& frame) { (frame.*what)(); },
                [this, order = ++orders_] {
                  if (order == orders_) told_ = true;
                });
}

void Life::begin_drain(const std::string& why) {
  if (phase_ != Phase::serving) return;
  phase_ = Phase::draining;
  const base::Duration limit = daemon_.process_options().shutdown_timeout;
  if (upgrade_) upgrade_->cancel("the process is ending");
  if (!upgrade_ || !upgrade_->served()) notifier_.stopping("what is running may finish within " + config::duration_text(limit));
  error_log().write(Level::notice, fmt::format("{}: what is running may finish within {}", why, config::duration_text(limit)));
  give_up_ = control_.loop().now() + limit;
  daemon_.draining();
  on_each_worker(&WorkerFrame::drain);
  watch_ = std::make_unique<Watch>(*this);
}

void Life::begin_stop(const std::string& why) {
  if (phase_ == Phase::stopping) return;
  if (upgrade_) upgrade_->cancel("the process is ending");
  if (phase_ == Phase::serving) daemon_.draining();
  const bool drained = phase_ == Phase::draining;
  phase_ = Phase::stopping;
  if (!upgrade_ || !upgrade_->served()) notifier_.stopping("closes what is left");
  const std::uint32_t left = connections();
  error_log().write(Level::notice, fmt::format("{}: stops now{}", why, left ? fmt::format(", {} connections are closed", left) : ""));
  give_up_ = control_.loop().now() + stop_limit;
  if (!drained) on_each_worker(&WorkerFrame::drain);
  on_each_worker(&WorkerFrame::close_all);
  if (!watch_) watch_ = std::make_unique<Watch>(*this);
}

void Life::watch() {
  // The process before this one still uses slots that this one answers for.
  const bool alone = !start_.before || start_.before->over() || phase_ == Phase::stopping;
  if (told_ && connections() == 0 && alone) return control_.loop().stop();
  if (control_.loop().now() < give_up_) return;
  if (phase_ == Phase::draining) return begin_stop("shutdown_timeout is over");
  leave_connections();
}

// An exchange that cannot be ended is a mistake of ours, but not a reason to stay.
void Life::leave_connections() {
  error_log().write(Level::alert, fmt::format("{} connections did not end; leaving without them", connections()));
  error_log().detach();
  logs_.writer().flush();
  listeners_.close_all();
  pages_.close_all();
  std::_Exit(1);
}

}  // namespace process
