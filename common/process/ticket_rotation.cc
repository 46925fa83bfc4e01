// SPDX-License-Identifier: BSD-2-Clause
#include "process/ticket_rotation.h"

namespace process {

TicketRotation::TicketRotation(net::EventLoop& loop, std::shared_ptr<net::TicketKeys> keys) : Task(loop, *this), keys_(std::move(keys)) {
  set_deadline_after(interval);
}

net::Task::Step TicketRotation::run() {
  if (!deadline_passed()) return Step::wait;
  keys_->rotate();
  set_deadline_after(interval);
  return Step::wait;
}

}  // namespace process
