// SPDX-License-Identifier: BSD-2-Clause
// The only door into a thread: a locked queue of messages and an eventfd. post() from any thread; messages run on the loop's
// thread between rounds, in order, with a budget a turn. A message left when the loop ends is destroyed unrun: what must
// not be lost (a slot in the mail) belongs to an object whose destructor returns it.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "net/event_loop.h"

namespace net {

using Message = std::move_only_function<void()>;

class Mailbox {
 public:
  explicit Mailbox(EventLoop& loop);
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  void post(Message message);  // any thread; wakes the loop once, however many are posted
  // Loop's thread: runs at most `budget` messages; true if more are left.
  bool deliver(std::size_t budget);
  bool waiting() const { return arrived_ || next_ < taken_.size(); }  // loop's thread

 private:
  static void on_event(int fd, short what, void* self);
  std::mutex mutex_;
  std::vector<Message> queue_;
  bool signalled_ = false;
  std::vector<Message> taken_;
  std::size_t next_ = 0;
  bool arrived_ = false;  // the loop's thread saw the signal
  int eventfd_ = -1;
  event* event_ = nullptr;
};

}  // namespace net
