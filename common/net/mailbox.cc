// SPDX-License-Identifier: BSD-2-Clause
#include "net/mailbox.h"

#include <event2/event.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include "base/check.h"

namespace net {

Mailbox::Mailbox(EventLoop& loop) {
  eventfd_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  CHECK_MSG(eventfd_ >= 0, "no descriptor for a mailbox");
  // Edge-triggered: each write is an edge, so the counter never needs to be read back.
  event_ = event_new(loop.base(), eventfd_, EV_READ | EV_ET | EV_PERSIST, &Mailbox::on_event, this);
  CHECK(event_ && event_add(event_, nullptr) == 0);
}

Mailbox::~Mailbox() {
  event_free(event_);
  // Destroying a message may post another one (a slot that goes home).
  for (;;) {
    std::vector<Message> left;
    {
      std::lock_guard lock(mutex_);
      left.swap(queue_);
      signalled_ = true;  // nobody listens any more
    }
    if (left.empty() && taken_.empty()) break;
    left.clear();
    std::exchange(taken_, {}).clear();
  }
  ::close(eventfd_);
}

void Mailbox::on_event(int, short, void* self) { static_cast<Mailbox*>(self)->arrived_ = true; }

void Mailbox::post(Message message) {
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(message));
    wake = !std::exchange(signalled_, true);
  }
  if (!wake) return;
  const std::uint64_t one = 1;
  while (::write(eventfd_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

bool Mailbox::deliver(std::size_t budget) {
  if (next_ >= taken_.size()) {
    taken_.clear();
    next_ = 0;
    arrived_ = false;
    std::lock_guard lock(mutex_);
    taken_.swap(queue_);
    signalled_ = false;
  }
  for (; budget > 0 && next_ < taken_.size(); --budget) {
    Message message = std::move(taken_[next_++]);
    message();
  }
  if (next_ < taken_.size()) return true;
  taken_.clear();
  next_ = 0;
  return arrived_;
}

}  // namespace net
