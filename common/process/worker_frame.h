// SPDX-License-Identifier: BSD-2-Clause
// What one worker holds: the daemon's service, its client connections and an accepter for each listener. Made by the control
// thread; open() and everything after it runs on the worker's thread, destruction included.
#pragma once

#include <atomic>
#include <memory>
#include <unordered_map>
#include <vector>

#include "net/listener.h"
#include "net/memory_budget.h"
#include "process/daemon.h"

namespace process {

// A listener of the process: what was configured and what was bound. Owned by the process's life, shared by workers (const).
struct OpenListener {
  ListenerSpec spec;
  std::unique_ptr<net::Listener> listener;
  mutable std::atomic<std::uint64_t> accept_failures{0};
  mutable std::atomic<std::uint32_t> connections{0};  // open now, all workers; counted where spec.max_connections limits them
};
using OpenListeners = std::vector<std::unique_ptr<OpenListener>>;

class WorkerFrame final : public net::TaskOwner {
 public:
  WorkerFrame(net::Thread& thread, Daemon& daemon, Runtime& runtime, const OpenListeners& listeners, net::MemoryBudget& budget);
  ~WorkerFrame();

  void open();
  // `all`: every worker's frame; all have been opened.
  void accept(const std::vector<std::unique_ptr<WorkerFrame>>& all);
  void drain();      // no new connections; those that are idle close, others after what they do
  void close_all();  // now
  void close();      // destroys all that lives on this thread; connections() is 0
  net::Thread& thread() { return thread_; }
  net::AcceptHandler& door(std::size_t listener);
  void reap(net::Task& child) override;

 private:
  class Door;
  class Gate;
  class MemoryWatch;
  void count_changed(std::size_t count);
  // A listener's limit holds for all workers together: at it every accepter pauses, and the kernel's queue holds the rest.
  void entered(std::size_t listener);  // on the accepter's thread, before the socket is dealt
  void left(std::size_t listener);     // on the connection's
  void tell_limit(std::size_t listener);
  void update_limit(std::size_t listener);
  void check_memory();  // accepting pauses while the budget is used up

  net::Thread& thread_;
  Daemon& daemon_;
  Runtime& runtime_;
  const OpenListeners& listeners_;
  net::MemoryBudget& budget_;
  std::unique_ptr<MemoryWatch> memory_watch_;
  bool short_of_memory_ = false;
  std::unique_ptr<http::Service> service_;
  std::unique_ptr<http::ClientConnections> connections_;
  std::vector<std::unique_ptr<Door>> doors_;  // by listener
  std::vector<std::unique_ptr<net::Dealer>> dealers_;
  std::vector<std::unique_ptr<Gate>> gates_;
  const std::vector<std::unique_ptr<WorkerFrame>>* all_ = nullptr;
  std::unordered_map<net::Task*, std::unique_ptr<net::Accepter>> accepters_;
  std::vector<std::pair<net::Accepter*, std::size_t>> limited_;  // accepters with a limit, and their listeners
  std::size_t last_count_ = 0;
};

}  // namespace process
