// SPDX-License-Identifier: BSD-2-Clause
// What one worker holds: its generations, the daemon's service, its client connections and an accepter for each listener. Made by
// the control thread; open() and everything after it runs on the worker's thread, destruction included.
#pragma once

#include <atomic>
#include <memory>
#include <unordered_map>
#include <vector>

#include "http/trace.h"
#include "net/memory_budget.h"
#include "process/open_listener.h"

namespace process {

class WorkerFrame final : public net::TaskOwner {
 public:
  // Told on the worker's thread.
  struct Events {
    Generations::Drained drained;
    std::function<void(std::uint32_t listener)> accepter_gone;  // a removed listener has one accepter less
  };
  WorkerFrame(net::Thread& thread, Daemon& daemon, Runtime& runtime, net::MemoryBudget& budget, Events events);
  ~WorkerFrame();

  void open(const Adoption& first, const std::vector<std::unique_ptr<WorkerFrame>>& all);
  // The generation, limits and settings from now on; doors of new listeners are made, but nothing is accepted there.
  void adopt(const Adoption& next);
  // Accepts on listeners that are new; every worker has adopted them, for one accepter may deal to all.
  void accept_added();
  // Listeners that were removed: accepters take what has queued already and end, connections end after what they do.
  void remove(const std::vector<std::uint32_t>& listeners);
  // Nobody accepts there any more.
  void forget(std::uint32_t listener);
  // Listeners that another process has now: nothing more is taken from their queues. Connections go on.
  void leave(const std::vector<std::uint32_t>& listeners);
  void drain();      // no new connections; those that are idle close, others after what they do
  void close_all();  // now
  void close();      // destroys all that lives on this thread; connections() is 0
  net::Thread& thread() { return thread_; }
  void reap(net::Task& child) override;

 private:
  class Door;
  class Gate;
  class MemoryWatch;
  struct Entry;
  Entry* find(std::uint32_t listener);
  void accept(Entry& entry);
  void count_changed(std::size_t count);
  // A listener's limit holds for all workers together: at it every accepter pauses, and the kernel's queue holds the rest.
  void entered(const ListenerSetting& setting);  // on the accepter's thread, before the socket is dealt
  void left(const ListenerSetting& setting);     // on the connection's
  void tell_limit(std::uint32_t listener);
  void update_limit(Entry& entry);
  void shed();          // gives up readers that take nothing
  void check_memory();  // accepting pauses while the budget is used up

  net::Thread& thread_;
  Daemon& daemon_;
  Runtime& runtime_;
  net::MemoryBudget& budget_;
  Events events_;
  std::unique_ptr<http::TraceRings> trace_;
  std::unique_ptr<MemoryWatch> memory_watch_;
  bool short_of_memory_ = false;
  bool draining_ = false;
  std::unique_ptr<Generations> generations_;
  std::unique_ptr<WorkerService> service_;
  std::unique_ptr<http::ClientConnections> connections_;
  std::unordered_map<std::uint32_t, std::unique_ptr<Entry>> listeners_;  // by id
  std::unordered_map<net::Task*, std::unique_ptr<net::Accepter>> accepters_;
  const std::vector<std::unique_ptr<WorkerFrame>>* all_ = nullptr;
  std::size_t last_count_ = 0;
};

}  // namespace process
