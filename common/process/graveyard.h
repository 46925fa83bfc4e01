// SPDX-License-Identifier: BSD-2-Clause
// State that no configuration names any more, until nobody uses it. In use is what its own counts say, what a generation still holds,
// and what a worker may be touching at this moment: so a word goes round all workers before anything is let go. Owner: the process's
// life; control thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "net/task.h"
#include "process/workers.h"

namespace process {

class Graveyard final : private net::TaskOwner, private net::Task {
 public:
  Graveyard(net::EventLoop& loop, Workers& workers);
  ~Graveyard() override;
  void bury(std::shared_ptr<void> state, std::function<bool()> in_use, std::function<void()> last);
  void exhume(const void* state);
  // Looks again: a generation has gone.
  void look() { ring(); }
  std::size_t size() const { return graves_.size(); }
  // The workers have ended: all goes.
  void clear();

 private:
  struct Grave {
    std::shared_ptr<void> state;
    std::function<bool()> in_use;
    std::function<void()> last;
    bool asked = false;  // the word is going round
    bool unused() const { return state.use_count() <= 1 && (!in_use || !in_use()); }
  };
  Step run() override;
  void reap(net::Task&) override {}
  void gone_round(const void* state);

  Workers& workers_;
  std::vector<Grave> graves_;
};

}  // namespace process
