// SPDX-License-Identifier: BSD-2-Clause
#include "net/task.h"

#include "net/event_loop.h"

namespace net {

Task::~Task() {
  CHECK_MSG(loop_.running_ != this, "a task was destroyed from its own run()");
  loop_.heap_remove(*this);
}

void Task::ring() {
  if (!linked()) loop_.ring(*this);
}

void Task::set_deadline(base::TimePoint when) {
  deadline_ = when;
  loop_.heap_set(*this);
}

void Task::set_deadline_after(base::Duration after) {
  // "Never" is often configured as a huge duration.
  const base::TimePoint now = loop_.now();
  set_deadline(after > base::TimePoint::max() - now ? base::TimePoint::max() : now + after);
}

bool Task::deadline_passed() const { return deadline_ <= loop_.now(); }

base::TimePoint Task::now() const { return loop_.now(); }

}  // namespace net
