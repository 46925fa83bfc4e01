// SPDX-License-Identifier: BSD-2-Clause
// Gives the store another bound while it is used: a smaller one evicts in small steps, so that nobody waits. Owner: the daemon;
// control thread.
#pragma once

#include "cachenode/store/store.h"
#include "net/task.h"

namespace cachenode {

class StoreBound final : private net::TaskOwner, private net::Task {
 public:
  StoreBound(net::EventLoop& loop, store::Store& store) : Task(loop, static_cast<TaskOwner&>(*this)), store_(store) {}
  ~StoreBound() override = default;
  void set(std::uint64_t bytes) {
    store_.set_memory(bytes);
    ring();
  }

 private:
  static constexpr std::size_t steps_a_run = 64;
  Step run() override { return store_.shrink(steps_a_run) ? Step::wait : Step::again; }
  void reap(net::Task&) override {}
  store::Store& store_;
};

}  // namespace cachenode
