// SPDX-License-Identifier: BSD-2-Clause
// One loop a thread over libevent: poll, ready list, timers, mailbox. Owner: its thread object (worker or control thread).
// libevent sees sockets and the next deadline only; time is the Clock's.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/list.h"
#include "net/task.h"

struct event_base;
struct event;

namespace net {

class Mailbox;

// Readiness of one descriptor: registered once for its life (room to write apart), edge-triggered. The callback only sets bits and rings `task`.
// A bit stays set until the user clears it (EAGAIN or a short read).
class Readiness {
 public:
  Readiness() = default;
  ~Readiness() { unregister(); }
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;
  // `task` must outlive the registration. Also reports the peer's FIN (EV_CLOSED) while reading is paused. False where the kernel has no
  // memory for it: nothing will be reported, which is `lost`; the task is rung once with all bits set, so that its next call tells.
  // `room`: whether room to write is reported whenever there is more. Unix sockets do so each time that the peer reads, and wake us for
  // nothing: there, await_room() asks for it.
  bool register_fd(EventLoop& loop, int fd, Task& task, bool room = true);
  // A write was blocked: `writable` will be set.
  void await_room();
  void unregister();
  void set_task(Task& task) { task_ = &task; }  // another task is rung from now on

  bool readable = false;
  bool writable = false;
  bool lost = false;
  bool closed = false;  // FIN seen by the kernel; bytes may still be there to read
  // Reported ready for everything that is watched, which is also how libevent reports a reset; cleared by a successful read.
  bool suspect = false;
  // Bytes were read after such an event: a reset may lie behind them, and will give no edge of its own any more.
  bool doubtful = false;
  // FIN or reset, also while reading is paused. Costs a system call only while `suspect`.
  bool peer_closed();
  // What a reader saw: bytes, fewer than there was room for, or EAGAIN.
  void note_bytes(bool fewer) {
    doubtful |= suspect;
    suspect = false;
    if (fewer && !closed) readable = false;  // a FIN that was reported with these bytes gives no edge any more
  }
  void note_nothing() { readable = suspect = doubtful = false; }
  // The kernel took bytes: there was no reset until now, and one that comes later has its own edge.
  void note_sent() { suspect = doubtful = false; }
  // True once after doubt: the next read asks the kernel.
  bool look_again() {
    if (!doubtful) return false;
    doubtful = false;
    return readable = true;
  }

 private:
  static void on_event(int fd, short what, void* self);
  void add(event* what);
  event* event_ = nullptr;
  event* room_event_ = nullptr;  // where event_ does not report it
  bool reports_room_ = true;
  Task* task_ = nullptr;
  int fd_ = -1;
};

class EventLoop {
 public:
  // The clock is refreshed by the loop after each poll. Requires epoll with edge triggering; Error otherwise (fatal at start).
  explicit EventLoop(base::Clock& clock);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  base::Clock& clock() { return clock_; }
  base::TimePoint now() const { return clock_.now(); }
  Mailbox& mailbox() { return *mailbox_; }
  event_base* base() { return base_; }

  void run();                 // until stop()
  void stop() { stopping_ = true; }  // from the loop's own thread (others post a message that calls it)
  // One turn: runs rung tasks for a few rounds, due timers, then polls at most until the next deadline (not at all if
  // work is left or `block` is false). Tests drive loops with this and a FakeClock.
  void turn(bool block);
  // Turns without blocking until nothing is ready. Tests.
  void drain();
  std::size_t ready_count() const;

 private:
  friend class Task;
  friend class Readiness;
  void ring(Task& task);
  void run_ready();
  void fire_timers();
  void heap_set(Task& task);
  void heap_remove(Task& task);
  void heap_up(std::size_t i);
  void heap_down(std::size_t i);

  struct Timer {
    base::TimePoint when;
    Task* task;
  };
  void heap_place(std::size_t i, Timer timer);
  base::TimePoint next_deadline();
  void poll(bool block);
  static void on_timer(int fd, short what, void* self);
  static void describe_running(void* self);
  base::Clock& clock_;
  event_base* base_ = nullptr;
  base::List<Task, ReadyTag> ready_;
  base::List<Task, ReadyTag> current_;
  std::vector<Timer> heap_;
  std::unique_ptr<Mailbox> mailbox_;
  event* timer_ = nullptr;
  base::TimePoint armed_ = base::TimePoint::max();  // what libevent's timer was set to
  Task* running_ = nullptr;
  bool stopping_ = false;
};

}  // namespace net
