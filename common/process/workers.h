// SPDX-License-Identifier: BSD-2-Clause
// The worker threads with their frames, as the control thread sees them: told things all at once, with a word back when all have
// done it. Owner: the process's life; control thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "process/worker_frame.h"

namespace process {

class Workers {
 public:
  using Then = std::move_only_function<void()>;               // on the control thread

  // The threads are made, not started: messages to them are kept.
  Workers(const std::string& name, std::uint32_t count, net::Thread& control);
  ~Workers();
  std::uint32_t count() const { return static_cast<std::uint32_t>(threads_.size()); }
  net::Thread& thread(std::uint32_t index) { return *threads_[index]; }
  std::uint32_t connections() const;  // of clients; any thread

  // Starts the threads; returns when every worker has opened and accepts.
  void start(Daemon& daemon, Runtime& runtime, net::MemoryBudget& budget, const WorkerFrame::Events& events, const Adoption& first);
  // `order` on every worker's thread; `then`, if given, when all have carried it out. Orders are carried out in the order given.
  void tell(std::function<void(WorkerFrame&)> order, Then then = {});
  // The workers destroy what lives on their threads, and end.
  void end();

 private:
  net::Thread& control_;
  std::vector<std::unique_ptr<net::Thread>> threads_;
  std::vector<std::unique_ptr<WorkerFrame>> frames_;
};

}  // namespace process
