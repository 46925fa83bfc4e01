// SPDX-License-Identifier: BSD-2-Clause
#include "process/worker_frame.h"

#include <fmt/format.h>

#include <cstring>

#include "http2/session.h"
#include "net/tls.h"
#include "observe/error_log.h"

namespace process {

class WorkerFrame::Door final : public net::AcceptHandler {
 public:
  Door(WorkerFrame& frame, std::size_t index) : frame_(frame), listener_(*frame.listeners_[index]), index_(index) {}

  void accepted(int fd, const net::Address& remote, const net::Address& local) override {
    std::shared_ptr<void> hold;
    if (listener_.spec.max_connections) hold = std::shared_ptr<void>(&frame_, [index = index_](void* frame) { static_cast<WorkerFrame*>(frame)->left(index); });
    net::EventLoop& loop = frame_.thread_.loop();
    auto transport = listener_.spec.tls ? net::make_tls_transport(loop, fd, remote, local, listener_.spec.tls)
                                        : net::make_plain_transport(loop, fd, remote, local);
    if (transport) frame_.connections_->adopt(std::move(transport), listener_.spec.info, std::move(hold));
    frame_.check_memory();
  }
  void accept_failed(int error, bool first) override {
    listener_.accept_failures.fetch_add(1, std::memory_order_relaxed);
    if (first)
      frame_.runtime_.error_log().write(observe::Level::crit, "cannot accept connections on " + listener_.spec.address.text + ": " + std::strerror(error) +
                                                                  "; trying again (raise LimitNOFILE or `ulimit -n`)");
  }

 private:
  WorkerFrame& frame_;
  const OpenListener& listener_;
  std::size_t index_;
};

// Counts what a limited listener accepts, before it is dealt to a worker.
class WorkerFrame::Gate final : public net::AcceptHandler {
 public:
  Gate(WorkerFrame& frame, std::size_t index, net::AcceptHandler& next) : frame_(frame), index_(index), next_(next) {}
  void accepted(int fd, const net::Address& remote, const net::Address& local) override {
    frame_.entered(index_);
    next_.accepted(fd, remote, local);
  }
  void accept_failed(int error, bool first) override { next_.accept_failed(error, first); }

 private:
  WorkerFrame& frame_;
  std::size_t index_;
  net::AcceptHandler& next_;
};

// Looks again while accepting pauses for want of memory.
class WorkerFrame::MemoryWatch final : public net::Task, public net::TaskOwner {
 public:
  explicit MemoryWatch(WorkerFrame& frame) : Task(frame.thread_.loop(), *this), frame_(frame) {}
  ~MemoryWatch() override = default;
  void begin() { set_deadline_after(std::chrono::milliseconds(100)); }
  void reap(net::Task&) override {}

 protected:
  Step run() override {
    clear_deadline();
    frame_.check_memory();
    return Step::wait;
  }

 private:
  WorkerFrame& frame_;
};

WorkerFrame::WorkerFrame(net::Thread& thread, Daemon& daemon, Runtime& runtime, const OpenListeners& listeners, net::MemoryBudget& budget)
    : thread_(thread), daemon_(daemon), runtime_(runtime), listeners_(listeners), budget_(budget) {}

WorkerFrame::~WorkerFrame() = default;

void WorkerFrame::open() {
  net::MemoryBudget::use_on_this_thread(&budget_);
  memory_watch_ = std::make_unique<MemoryWatch>(*this);
  service_ = daemon_.make_service(runtime_, thread_);
  connections_ = std::make_unique<http::ClientConnections>(thread_.loop(), *service_, daemon_.server_options());
  connections_->set_http2(http2::session_factory());
  connections_->set_first_serial(std::uint64_t{thread_.id()} << 40);
  connections_->set_count_hook([this](std::size_t count) { count_changed(count); });
  for (std::size_t i = 0; i < listeners_.size(); ++i) doors_.push_back(std::make_unique<Door>(*this, i));
}

net::AcceptHandler& WorkerFrame::door(std::size_t listener) { return *doors_[listener]; }

void WorkerFrame::accept(const std::vector<std::unique_ptr<WorkerFrame>>& all) {
  all_ = &all;
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    const OpenListener& open = *listeners_[i];
    net::AcceptHandler* handler = doors_[i].get();
    if (open.listener->dealt() && all.size() > 1) {
      if (thread_.id() != 0) continue;
      std::vector<net::Dealer::Target> targets;
      for (const auto& frame : all) targets.push_back({&frame->thread_.loop().mailbox(), &frame->thread_.load(), &frame->door(i)});
      dealers_.push_back(std::make_unique<net::Dealer>(std::move(targets)));
      handler = dealers_.back().get();
    }
    if (open.spec.max_connections) {
      gates_.push_back(std::make_unique<Gate>(*this, i, *handler));
      handler = gates_.back().get();
    }
    auto accepter = std::make_unique<net::Accepter>(thread_.loop(), *this, open.listener->fd(thread_.id()), *handler);
    if (open.spec.max_connections) limited_.emplace_back(accepter.get(), i);
    net::Task* key = accepter.get();
    accepters_.emplace(key, std::move(accepter));
  }
}

void WorkerFrame::count_changed(std::size_t count) {
  thread_.add_load(static_cast<std::int32_t>(count) - static_cast<std::int32_t>(last_count_));
  last_count_ = count;
}

void WorkerFrame::entered(std::size_t listener) {
  const OpenListener& open = *listeners_[listener];
  if (open.connections.fetch_add(1) + 1 < open.spec.max_connections) return;
  update_limit(listener);
  tell_limit(listener);
}

void WorkerFrame::left(std::size_t listener) {
  const OpenListener& open = *listeners_[listener];
  if (open.connections.fetch_sub(1) == open.spec.max_connections) tell_limit(listener);
}

// Whoever crossed the limit tells the others; each looks at the count itself, so that the order of messages does not matter.
void WorkerFrame::tell_limit(std::size_t listener) {
  if (!all_) return;
  for (const auto& frame : *all_) frame->thread_.post([frame = frame.get(), listener] { frame->update_limit(listener); });
}

void WorkerFrame::update_limit(std::size_t listener) {
  const OpenListener& open = *listeners_[listener];
  const bool full = open.connections.load() >= open.spec.max_connections;
  for (auto& [accepter, index] : limited_) {
    if (index != listener) continue;
    if (full) accepter->pause();
    else if (accepter->paused() && !short_of_memory_) accepter->resume();
  }
}

void WorkerFrame::check_memory() {
  const bool full = budget_.pressure() == net::MemoryBudget::Pressure::full;
  if (full) memory_watch_->begin();
  if (full == short_of_memory_) return;
  short_of_memory_ = full;
  if (full)
    runtime_.error_log().write(observe::Level::warn, fmt::format("{} of {} bytes of limits.buffers are used: no connection is accepted for now", budget_.used(), budget_.limit()),
                               "limits.buffers");
  for (auto& [key, accepter] : accepters_) {
    if (full) accepter->pause();
    else accepter->resume();
  }
  for (const auto& [accepter, listener] : limited_) update_limit(listener);
}

void WorkerFrame::drain() {
  limited_.clear();
  for (auto& [key, accepter] : accepters_) {
    if (accepter->paused()) accepter->resume();
    accepter->stop();
  }
  connections_->drain();
}

void WorkerFrame::close_all() { connections_->close_all(); }

void WorkerFrame::close() {
  accepters_.clear();
  limited_.clear();
  gates_.clear();
  dealers_.clear();
  connections_.reset();
  service_.reset();
  doors_.clear();
  memory_watch_.reset();
  net::MemoryBudget::use_on_this_thread(nullptr);
}

void WorkerFrame::reap(net::Task& child) { accepters_.erase(&child); }

}  // namespace process
