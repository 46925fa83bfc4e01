// SPDX-License-Identifier: BSD-2-Clause
#include "process/worker_frame.h"

#include <fmt/format.h>

#include <cstring>

#include "base/check.h"
#include "http2/session.h"
#include "net/tls.h"
#include "observe/error_log.h"

namespace process {
namespace {
// How long a reader must have taken nothing to be given up. A client whose link stumbles is back sooner.
constexpr base::Duration patience_when_short = std::chrono::seconds(5);
constexpr base::Duration look_while_short = std::chrono::milliseconds(100), look_while_clients_wait = std::chrono::milliseconds(500);
constexpr base::Duration patience_when_full = std::chrono::seconds(2);
}  // namespace

// Where a listener's connections reach this worker.
class WorkerFrame::Door final : public net::AcceptHandler {
 public:
  Door(WorkerFrame& frame, std::shared_ptr<const ListenerSetting> setting) : frame_(frame), setting_(std::move(setting)) {}
  void use(std::shared_ptr<const ListenerSetting> setting) { setting_ = std::move(setting); }
  void close() { removed_ = true; }
  const ListenerSetting& setting() const { return *setting_; }

  void accepted(int fd, const net::Address& remote, const net::Address& local) override {
    auto held = std::make_shared<Held>(setting_, frame_);
    net::EventLoop& loop = frame_.thread_.loop();
    auto transport = setting_->tls ? net::make_tls_transport(loop, fd, remote, local, setting_->tls) : net::make_plain_transport(loop, fd, remote, local);
    if (transport) {
      const ListenerSetting& setting = *setting_;
      frame_.connections_->adopt(std::move(transport), setting.info, std::move(held));
      // Dealt while the listener was being removed.
      if (removed_) frame_.connections_->drain(setting.info.id);
    }
    frame_.check_memory();
  }
  void accept_failed(int error, bool first) override {
    setting_->open->accept_failures->cell(frame_.thread_.id()).add();
    if (first)
      frame_.runtime_.error_log().write(observe::Level::crit, "cannot accept connections on " + setting_->open->key + ": " + std::strerror(error) +
                                                                  "; trying again (raise LimitNOFILE or `ulimit -n`)");
  }
  void accept_recovered() override { frame_.runtime_.error_log().write(observe::Level::notice, "connections are accepted again on " + setting_->open->key); }

 private:
  // A connection's part of the listener: released when it ends.
  struct Held {
    Held(std::shared_ptr<const ListenerSetting> of, WorkerFrame& worker) : setting(std::move(of)), frame(worker) {}
    ~Held() { frame.left(*setting); }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    std::shared_ptr<const ListenerSetting> setting;
    WorkerFrame& frame;
  };
  WorkerFrame& frame_;
  std::shared_ptr<const ListenerSetting> setting_;
  bool removed_ = false;
};

// Counts what a listener accepts, before it is dealt to a worker.
class WorkerFrame::Gate final : public net::AcceptHandler {
 public:
  Gate(WorkerFrame& frame, const Door& door, net::AcceptHandler& next) : frame_(frame), door_(door), next_(next) {}
  void accepted(int fd, const net::Address& remote, const net::Address& local) override {
    frame_.entered(door_.setting());
    next_.accepted(fd, remote, local);
  }
  void accept_failed(int error, bool first) override { next_.accept_failed(error, first); }
  void accept_recovered() override { next_.accept_recovered(); }

 private:
  WorkerFrame& frame_;
  const Door& door_;
  net::AcceptHandler& next_;
};

// A listener as this worker has it.
struct WorkerFrame::Entry {
  Entry(WorkerFrame& frame, const std::shared_ptr<const ListenerSetting>& setting) : door(frame, setting) {}
  Door door;
  std::unique_ptr<net::Dealer> dealer;  // where one accepter deals to all workers
  std::unique_ptr<Gate> gate;           // with the accepter
  net::Accepter* accepter = nullptr;
  bool added = true;                    // nothing is accepted yet
};

// Looks after memory while it is short, and now and then while answers wait for their clients: what is held for those may grow long
// after the last connection was accepted.
class WorkerFrame::MemoryWatch final : public net::Task, public net::TaskOwner {
 public:
  explicit MemoryWatch(WorkerFrame& frame) : Task(frame.thread_.loop(), *this), frame_(frame) {}
  ~MemoryWatch() override = default;
  void begin(base::Duration after) { set_deadline(std::min(deadline(), now() + after)); }
  void reap(net::Task&) override {}

 protected:
  Step run() override {
    clear_deadline();
    frame_.shed();
    frame_.check_memory();
    if (frame_.connections_->anybody_waits()) begin(look_while_clients_wait);
    return Step::wait;
  }

 private:
  WorkerFrame& frame_;
};

WorkerFrame::WorkerFrame(net::Thread& thread, Daemon& daemon, Runtime& runtime, net::MemoryBudget& budget, Events events)
    : thread_(thread), daemon_(daemon), runtime_(runtime), budget_(budget), events_(std::move(events)) {}

WorkerFrame::~WorkerFrame() = default;

void WorkerFrame::open(const Adoption& first, const std::vector<std::unique_ptr<WorkerFrame>>& all) {
  all_ = &all;
  net::MemoryBudget::use_on_this_thread(&budget_);
  trace_ = std::make_unique<http::TraceRings>();
  http::TraceRings::use_on_this_thread(trace_.get());
  memory_watch_ = std::make_unique<MemoryWatch>(*this);
  generations_ = std::make_unique<Generations>(*first.generation, events_.drained);
  service_ = daemon_.make_service(runtime_, thread_, *generations_);
  connections_ = std::make_unique<http::ClientConnections>(thread_.loop(), *service_, first.options);
  connections_->set_http2(http2::session_factory());
  connections_->set_first_serial(std::uint64_t{thread_.id()} << 40);
  connections_->set_wait_hook([this] { memory_watch_->begin(look_while_clients_wait); });
  connections_->set_count_hook([this](std::size_t count) { count_changed(count); });
  for (const auto& setting : first.listeners) listeners_.emplace(setting->info.id, std::make_unique<Entry>(*this, setting));
}

void WorkerFrame::adopt(const Adoption& next) {
  if (&generations_->current() != next.generation) {
    generations_->use(*next.generation);
    service_->adopt(*next.generation);
  }
  connections_->set_options(next.options);
  for (const auto& setting : next.listeners) {
    Entry* entry = find(setting->info.id);
    if (!entry) {
      listeners_.emplace(setting->info.id, std::make_unique<Entry>(*this, setting));
      continue;
    }
    entry->door.use(setting);
    update_limit(*entry);
  }
}

WorkerFrame::Entry* WorkerFrame::find(std::uint32_t listener) {
  const auto at = listeners_.find(listener);
  return at == listeners_.end() ? nullptr : at->second.get();
}

void WorkerFrame::accept_added() {
  for (auto& [id, entry] : listeners_)
    if (entry->added) accept(*entry);
}

void WorkerFrame::accept(Entry& entry) {
  entry.added = false;
  if (draining_) return;
  const ListenerSetting& setting = entry.door.setting();
  const net::Listener& listener = *setting.open->listener;
  net::AcceptHandler* handler = &entry.door;
  if (listener.dealt() && all_->size() > 1) {
    if (thread_.id() != 0) return;
    std::vector<net::Dealer::Target> targets;
    for (const auto& frame : *all_) targets.push_back({&frame->thread_.loop().mailbox(), &frame->thread_.load(), &frame->find(setting.info.id)->door});
    entry.dealer = std::make_unique<net::Dealer>(std::move(targets));
    handler = entry.dealer.get();
  }
  entry.gate = std::make_unique<Gate>(*this, entry.door, *handler);
  auto accepter = std::make_unique<net::Accepter>(thread_.loop(), *this, listener.fd(thread_.id()), *entry.gate);
  entry.accepter = accepter.get();
  accepters_.emplace(accepter.get(), std::move(accepter));
  if (short_of_memory_) entry.accepter->pause();
}

void WorkerFrame::remove(const std::vector<std::uint32_t>& listeners) {
  for (const std::uint32_t id : listeners) {
    Entry* entry = find(id);
    if (!entry) continue;
    entry->door.close();
    connections_->drain(id);
    if (!entry->accepter) continue;
    if (entry->accepter->paused()) entry->accepter->resume();
    entry->accepter->stop();
  }
}

void WorkerFrame::forget(std::uint32_t listener) { listeners_.erase(listener); }

void WorkerFrame::count_changed(std::size_t count) {
  thread_.add_load(static_cast<std::int32_t>(count) - static_cast<std::int32_t>(last_count_));
  last_count_ = count;
}

void WorkerFrame::entered(const ListenerSetting& setting) {
  const std::uint32_t count = setting.open->connections.fetch_add(1) + 1;
  if (setting.max_connections == 0 || count < setting.max_connections) return;
  if (count == setting.max_connections) setting.open->full->cell(thread_.id()).add();
  if (Entry* entry = find(setting.info.id)) update_limit(*entry);
  tell_limit(setting.info.id);
}

void WorkerFrame::left(const ListenerSetting& setting) {
  // Asked of the current setting: a reload may have changed the limit since the connection came.
  const std::uint32_t count = setting.open->connections.fetch_sub(1);
  const Entry* entry = find(setting.info.id);
  if (entry && entry->door.setting().max_connections == count) tell_limit(setting.info.id);
}

// Whoever crossed the limit tells the others; each looks at the count itself, so that the order of messages does not matter.
void WorkerFrame::tell_limit(std::uint32_t listener) {
  for (const auto& frame : *all_)
    frame->thread_.post([frame = frame.get(), listener] {
      if (Entry* entry = frame->find(listener)) frame->update_limit(*entry);
    });
}

void WorkerFrame::update_limit(Entry& entry) {
  if (!entry.accepter || draining_) return;
  const ListenerSetting& setting = entry.door.setting();
  const bool full = setting.max_connections && setting.open->connections.load() >= setting.max_connections;
  if (full) entry.accepter->pause();
  else if (entry.accepter->paused() && !short_of_memory_) entry.accepter->resume();
}

// Readers that take nothing hold most of the memory when it is short, and are asked first to give it back: down to five eighths.
void WorkerFrame::shed() {
  const net::MemoryBudget::Pressure pressure = budget_.pressure();
  if (pressure < net::MemoryBudget::Pressure::high) return;
  const std::size_t aim = budget_.limit() / 8 * 5, used = budget_.used();
  if (used <= aim) return;
  const base::Duration patience = pressure == net::MemoryBudget::Pressure::full ? patience_when_full : patience_when_short;
  connections_->shed((used - aim) / all_->size(), patience);
}

void WorkerFrame::check_memory() {
  const net::MemoryBudget::Pressure pressure = budget_.pressure();
  const bool full = pressure == net::MemoryBudget::Pressure::full;
  if (pressure >= net::MemoryBudget::Pressure::high) memory_watch_->begin(look_while_short);
  if (full == short_of_memory_) return;
  short_of_memory_ = full;
  if (full)
    runtime_.error_log().write(observe::Level::warn, fmt::format("{} of {} bytes of limits.buffers are used: no connection is accepted for now", budget_.used(), budget_.limit()),
                               "limits.buffers");
  else
    runtime_.error_log().write(observe::Level::notice, fmt::format("{} of {} bytes of limits.buffers are used: connections are accepted again", budget_.used(), budget_.limit()));
  for (auto& [id, entry] : listeners_) {
    if (full && entry->accepter && !draining_) entry->accepter->pause();
    else update_limit(*entry);
  }
}

void WorkerFrame::leave(const std::vector<std::uint32_t>& listeners) {
  for (const std::uint32_t id : listeners) {
    Entry* entry = find(id);
    if (entry && entry->accepter) accepters_.erase(std::exchange(entry->accepter, nullptr));
  }
}

void WorkerFrame::drain() {
  draining_ = true;
  for (auto& [key, accepter] : accepters_) {
    if (accepter->paused()) accepter->resume();
    accepter->stop();
  }
  connections_->drain();
}

void WorkerFrame::close_all() { connections_->close_all(); }

void WorkerFrame::close() {
  accepters_.clear();
  connections_.reset();
  service_.reset();
  listeners_.clear();
  generations_.reset();
  memory_watch_.reset();
  http::TraceRings::use_on_this_thread(nullptr);
  trace_.reset();
  net::MemoryBudget::use_on_this_thread(nullptr);
}

void WorkerFrame::reap(net::Task& child) {
  for (auto& [id, entry] : listeners_) {
    if (entry->accepter != &child) continue;
    entry->accepter = nullptr;
    if (!draining_) events_.accepter_gone(id);
  }
  accepters_.erase(&child);
}

}  // namespace process
