// SPDX-License-Identifier: BSD-2-Clause
#include "process/graveyard.h"

namespace process {

using namespace std::chrono_literals;

Graveyard::Graveyard(net::EventLoop& loop, Workers& workers) : Task(loop, static_cast<TaskOwner&>(*this)), workers_(workers) {}

Graveyard::~Graveyard() = default;

void Graveyard::bury(std::shared_ptr<void> state, std::function<bool()> in_use, std::function<void()> last) {
  graves_.push_back({std::move(state), std::move(in_use), std::move(last)});
  ring();
}

void Graveyard::exhume(const void* state) {
  std::erase_if(graves_, [&](const Grave& one) { return one.state.get() == state; });
}

net::Task::Step Graveyard::run() {
  clear_deadline();
  for (Grave& grave : graves_) {
    if (grave.asked || !grave.unused()) continue;
    grave.asked = true;
    workers_.tell([](WorkerFrame&) {}, [this, state = grave.state.get()] { gone_round(state); });
  }
  if (!graves_.empty()) set_deadline_after(100ms);
  return Step::wait;
}

void Graveyard::gone_round(const void* state) {
  for (std::size_t i = 0; i < graves_.size(); ++i) {
    if (graves_[i].state.get() != state || !graves_[i].asked) continue;
    graves_[i].asked = false;
    if (!graves_[i].unused()) return;
    Grave grave = std::move(graves_[i]);
    graves_.erase(graves_.begin() + static_cast<std::ptrdiff_t>(i));
    if (grave.last) grave.last();
    return;
  }
}

void Graveyard::clear() {
  while (!graves_.empty()) {
    Grave grave = std::move(graves_.back());
    graves_.pop_back();
    if (grave.last) grave.last();
  }
}

}  // namespace process
