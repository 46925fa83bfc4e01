// SPDX-License-Identifier: BSD-2-Clause
// The doorbell. Callbacks ring; run() works; only the loop destroys. A task lives on one loop (one thread); every method
// here is for that thread only. Other threads post to the loop's mailbox.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/list.h"

namespace net {

class EventLoop;
class Task;

// Owns tasks. The loop calls reap() after run() returned `closed`; reap destroys the child (and may ring the owner).
class TaskOwner {
 public:
  virtual void reap(Task& child) = 0;

 protected:
  ~TaskOwner() = default;
};

struct ReadyTag {};

class Task : private base::ListLink<ReadyTag> {
 public:
  enum class Step : std::uint8_t {
    wait,    // nothing to do till somebody rings
    again,   // budget spent, more to do: run in the next round
    closed,  // finished: the loop has the owner destroy it
  };
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  // Puts the task on the loop's ready list; ringing twice is ringing once. Allowed from anywhere on the thread, also from
  // the task's own run() (then it runs again in the next round).
  void ring();

  EventLoop& loop() const { return loop_; }

 protected:
  Task(EventLoop& loop, TaskOwner& owner) : loop_(loop), owner_(owner) {}
  virtual ~Task();  // leaves the ready list and the timers

  // Reads downwards like the life of what it serves. A small budget of bytes or steps a call.
  virtual Step run() = 0;

  // What a failed check says of the task that runs: only write(2), of what is there (base/check_text.h).
  virtual void describe(int fd) const noexcept { (void)fd; }

  // One lazy deadline: the task is rung once it has passed. Moving it later only stores a number.
  void set_deadline(base::TimePoint when);
  void set_deadline_after(base::Duration after);
  void clear_deadline() { deadline_ = base::TimePoint::max(); }
  bool deadline_passed() const;
  base::TimePoint deadline() const { return deadline_; }
  base::TimePoint now() const;

 private:
  friend class EventLoop;
  friend class base::List<Task, ReadyTag>;
  EventLoop& loop_;
  TaskOwner& owner_;
  base::TimePoint deadline_ = base::TimePoint::max();
  std::uint32_t heap_index_ = UINT32_MAX;  // place in the loop's timer heap
};

}  // namespace net
