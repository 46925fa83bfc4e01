// SPDX-License-Identifier: BSD-2-Clause
#include "process/life.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>

#include "process/privileges.h"
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

Level level_of(LogLevel level) { return static_cast<Level>(level); }

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
    : daemon_(daemon), start_(std::move(start)), worker_count_(daemon.process_options().worker_count()), started_(base::SystemClock().wall()),
      metrics_(worker_count_ + 1), control_(start_.name, worker_count_) {}

Life::~Life() = default;

void Life::fail(const std::string& message) {
  error_log_.write(Level::emerg, message);
  // Whoever starts us by hand does not look into the log file.
  if (log_to_file_) std::fprintf(stderr, "%s: %s\n", start_.name.c_str(), message.c_str());
}

int Life::run() {
  raise_descriptor_limit();
  if (!open_logs() || !open_listeners() || !open_pages() || !drop_rights()) {
    log_writer_.start();  // for the last words
    error_log_.detach();
    log_writer_.stop();
    return 1;
  }
  log_writer_.start();
  budget_.set_limit(daemon_.server_options().buffers);
  offload_ = std::make_unique<net::Offload>(net::Offload::Options{});
  signals_ = std::make_unique<Signals>(control_.loop(), *this, [this](int number) { on_signal(number); });
  add_metrics();
  add_commands();
  // Made here, started later: the daemon may already want their mailboxes.
  for (std::uint32_t i = 0; i < worker_count_; ++i)
    threads_.push_back(std::make_unique<net::Thread>(fmt::format("{}/{}", start_.name.substr(0, 11), i), i));
  int code = 0;
  if (auto started = daemon_.start(*this); !started) {
    fail(started.error().reason.text());
    code = 1;
  } else {
    start_workers();
    serve_control();
    if (!start_.ready_file.empty() && !write_ready_file(start_.ready_file, ready_)) {
      fail("cannot write " + start_.ready_file + ": " + std::strerror(errno));
      code = 1;
    } else {
      error_log_.write(Level::notice, fmt::format("{} serves with {} worker{}", start_.name, worker_count_, worker_count_ == 1 ? "" : "s"));
      control_.run_here();
    }
    end_workers();
  }
  daemon_.stop();
  threads_.clear();
  control_server_.reset();
  watch_.reset();
  signals_.reset();
  offload_.reset();
  if (code == 0) error_log_.write(Level::notice, start_.name + " ends");
  error_log_.detach();
  log_writer_.stop();
  return code;
}

bool Life::open_logs() {
  const LogOptions& options = daemon_.log_options();
  error_log_.set_level(level_of(options.error.level));
  error_log_.set_format(options.error.format == LogFormat::json ? observe::ErrorLog::Format::json : observe::ErrorLog::Format::text);
  const auto error_spec = observe::LogSpec::parse(options.error.file, start_.name);
  auto error_target = log_writer_.open(error_spec);
  if (!error_target) {
    fail(error_target.error());
    return false;
  }
  std::vector<observe::LogSpec> specs{error_spec};
  if (options.access) {
    const std::string& text = options.access->syslog.empty() ? options.access->file : "syslog:" + options.access->syslog;
    specs.push_back(observe::LogSpec::parse(text, start_.name));
    auto target = log_writer_.open(specs.back());
    if (!target) {
      fail(target.error());
      return false;
    }
    access_log_ = *target;
  }
  // Root made the files; the user must be able to open them again.
  const std::string& name = daemon_.process_options().user;
  if (const auto user = name.empty() || !is_root() ? std::nullopt : find_user(name))
    for (const observe::LogSpec& spec : specs)
      if (spec.kind == observe::LogSpec::Kind::file && ::chown(spec.path.c_str(), user->uid, user->gid) != 0)
        error_log_.write(Level::warn, "cannot give " + spec.path + " to " + name + ": " + std::strerror(errno));
  for (std::uint32_t i = 0; i <= worker_count_; ++i) rings_.push_back(&log_writer_.add_ring());
  error_log_.attach(log_writer_, *error_target);
  log_to_file_ = error_spec.kind != observe::LogSpec::Kind::standard_error;
  return true;
}

bool Life::open_one(const Address& address, std::size_t workers, const net::ListenOptions& options, const std::string& label, std::unique_ptr<net::Listener>& out) {
  auto listener = net::Listener::open(address.address, workers, options, address.text);
  if (!listener) {
    const int system = listener.error().system;
    fail(listener.error().reason.text() + (system ? std::string(": ") + std::strerror(system) : ""));
    return false;
  }
  out = std::move(*listener);
  ready_.emplace_back(label, out->address().text());
  return true;
}

bool Life::open_listeners() {
  for (ListenerSpec& spec : daemon_.listeners()) {
    auto open = std::make_unique<OpenListener>();
    net::ListenOptions options;
    options.backlog = static_cast<int>(spec.backlog);
    if (!open_one(spec.address, worker_count_, options, spec.address.text, open->listener)) return false;
    open->spec = std::move(spec);
    listeners_.push_back(std::move(open));
  }
  return true;
}

bool Life::open_pages() {
  const ProcessOptions& options = daemon_.process_options();
  pages_.clear();
  const auto open = [&](const std::string& label, const Address& address, unsigned mode) {
    pages_.emplace_back();
    net::ListenOptions listen;
    listen.unix_mode = mode;
    return !address || open_one(address, 1, listen, label, pages_.back());
  };
  if (!open("admin", options.admin, 0660) || !open("metrics", options.metrics, 0666)) return false;
  for (const PageSpec& page : daemon_.pages())
    if (!open(page.label, page.address, 0666)) return false;
  return true;
}

bool Life::drop_rights() {
  const std::string& name = daemon_.process_options().user;
  if (name.empty() || !is_root()) return true;
  const auto user = find_user(name);
  if (!user) {
    fail("there is no user \"" + name + "\" on this system");
    return false;
  }
  // Socket files were made by root: the user removes them at the end, and the admin socket is its own.
  for (const auto& page : pages_)
    if (page && page->address().is_unix() && ::chown(page->address().unix_path().c_str(), user->uid, user->gid) != 0) return fail("chown"), false;
  const std::string wrong = drop_privileges(*user);
  if (!wrong.empty()) fail(wrong);
  return wrong.empty();
}

void Life::start_workers() {
  for (auto& thread : threads_) frames_.push_back(std::make_unique<WorkerFrame>(*thread, daemon_, *this, listeners_, budget_));
  // All are ready before the first accepts: one accepter may deal to every worker.
  std::vector<std::future<void>> ready;
  for (std::uint32_t i = 0; i < worker_count_; ++i) {
    auto promise = std::make_shared<std::promise<void>>();
    ready.push_back(promise->get_future());
    threads_[i]->start([frame = frames_[i].get(), promise] {
      frame->open();
      promise->set_value();
    });
  }
  for (auto& one : ready) one.wait();
  for (std::uint32_t i = 0; i < worker_count_; ++i)
    threads_[i]->post([this, i] { frames_[i]->accept(frames_); });
}

void Life::serve_control() {
  control_server_ = std::make_unique<ControlServer>(control_.loop(), commands_);
  if (pages_[0]) control_server_->serve_admin(*pages_[0]);
  if (pages_[1])
    control_server_->serve_pages(*pages_[1], [this](const PageRequest& request) -> Page {
      if (request.path != "/metrics") return {404, "text/plain", "/metrics is here\n", {}};
      std::string text = metrics_.text();
      daemon_.append_metrics(text);
      return {200, "text/plain; version=0.0.4; charset=utf-8", std::move(text), {}};
    });
  std::size_t next = 2;
  for (PageSpec& page : daemon_.pages())
    if (auto& listener = pages_[next++]) control_server_->serve_pages(*listener, std::move(page.handler));
}

std::uint32_t Life::connections() const {
  std::uint32_t sum = 0;
  for (const auto& thread : threads_) sum += thread->load().load(std::memory_order_relaxed);
  return sum;
}

void Life::reap(net::Task&) {}

void Life::on_signal(int number) {
  switch (number) {
    case SIGTERM:
    case SIGQUIT:
      if (phase_ == Phase::serving) begin_drain(number == SIGTERM ? "SIGTERM" : "SIGQUIT");
      else if (number == SIGTERM) begin_stop("a second SIGTERM");
      return;
    case SIGINT: return begin_stop("SIGINT");
    case SIGUSR1: return reopen_logs();
    case SIGHUP: return error_log_.write(Level::warn, "SIGHUP: reload is not built yet; restart instead");
    case SIGUSR2: return error_log_.write(Level::warn, "SIGUSR2: upgrade is not built yet; restart instead");
    default: return;
  }
}

void Life::on_each_worker(void (WorkerFrame::*what)()) {
  expected_ += worker_count_;
  for (auto& frame : frames_)
    frame->thread().post([this, one = frame.get(), what] {
      (one->*what)();
      told_.fetch_add(1, std::memory_order_release);
    });
}

void Life::begin_drain(const std::string& why) {
  if (phase_ != Phase::serving) return;
  phase_ = Phase::draining;
  const base::Duration limit = daemon_.process_options().shutdown_timeout;
  error_log_.write(Level::notice, fmt::format("{}: what is running may finish within {}", why, config::duration_text(limit)));
  give_up_ = control_.loop().now() + limit;
  daemon_.draining();
  on_each_worker(&WorkerFrame::drain);
  watch_ = std::make_unique<Watch>(*this);
}

void Life::begin_stop(const std::string& why) {
  if (phase_ == Phase::stopping) return;
  if (phase_ == Phase::serving) daemon_.draining();
  const bool drained = phase_ == Phase::draining;
  phase_ = Phase::stopping;
  const std::uint32_t left = connections();
  error_log_.write(Level::notice, fmt::format("{}: stops now{}", why, left ? fmt::format(", {} connections are closed", left) : ""));
  give_up_ = control_.loop().now() + stop_limit;
  if (!drained) on_each_worker(&WorkerFrame::drain);
  on_each_worker(&WorkerFrame::close_all);
  if (!watch_) watch_ = std::make_unique<Watch>(*this);
}

void Life::watch() {
  const bool heard = told_.load(std::memory_order_acquire) >= expected_;
  if (heard && connections() == 0) return control_.loop().stop();
  if (control_.loop().now() < give_up_) return;
  if (phase_ == Phase::draining) return begin_stop("shutdown_timeout is over");
  // An exchange that cannot be ended is a mistake of ours, but not a reason to stay.
  error_log_.write(Level::alert, fmt::format("{} connections did not end; leaving without them", connections()));
  error_log_.detach();
  log_writer_.flush();
  for (const auto& listener : listeners_) listener->listener.reset();
  pages_.clear();
  std::_Exit(1);
}

void Life::end_workers() {
  for (std::uint32_t i = 0; i < threads_.size(); ++i) threads_[i]->stop([frame = frames_[i].get()] { frame->close(); });
  for (auto& thread : threads_) thread->join();
  frames_.clear();
}

void Life::reopen_logs() {
  error_log_.write(Level::notice, "opens its logs again");
  log_writer_.reopen();
}

}  // namespace process
