// SPDX-License-Identifier: BSD-2-Clause
#include "process/watchdog.h"

#include "net/worker.h"

namespace process {

Watchdog::Watchdog(net::EventLoop& control, net::TaskOwner& owner, base::Duration interval, std::vector<Post> workers, Events events)
    : Task(control, owner), step_(interval / 3), events_(std::move(events)) {
  for (Post& post : workers) {
    workers_.emplace_back();
    workers_.back().post = std::move(post);
  }
  ring();
}

Watchdog::~Watchdog() = default;

std::vector<Watchdog::Post> Watchdog::posts(const std::vector<net::Thread*>& threads) {
  std::vector<Post> out;
  for (net::Thread* thread : threads) out.push_back([thread](net::Message message) { thread->post(std::move(message)); });
  return out;
}

// Who has not answered is not asked again: its mailbox would fill up.
void Watchdog::ask() {
  for (Asked& worker : workers_)
    if (worker.answered->exchange(false)) worker.post([answered = worker.answered] { answered->store(true); });
}

net::Task::Step Watchdog::run() {
  if (deadline() != base::TimePoint::max() && !deadline_passed()) return Step::wait;
  std::vector<std::size_t> late;
  for (std::size_t i = 0; i < workers_.size(); ++i)
    if (!workers_[i].answered->load()) late.push_back(i);
  if (late.empty()) events_.alive();
  else if (!told_ && events_.late) events_.late(late);
  told_ = !late.empty();
  ask();
  set_deadline_after(step_);
  return Step::wait;
}

}  // namespace process
