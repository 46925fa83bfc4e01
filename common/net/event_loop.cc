// SPDX-License-Identifier: BSD-2-Clause
#include "net/event_loop.h"

#include <event2/event.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>

#include "base/check.h"
#include "net/mailbox.h"

namespace net {
namespace {

constexpr int rounds_a_turn = 4;
constexpr std::size_t messages_a_round = 64;
constexpr std::uint32_t not_in_heap = UINT32_MAX;

event_base* make_base() {
  event_config* config = event_config_new();
  CHECK(config);
  event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE);
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);  // or EVENT_NOEPOLL would silently give us poll()
  event_base* base = event_base_new_with_config(config);
  event_config_free(config);
  CHECK_MSG(base, "libevent offers no edge-triggered epoll here");
  return base;
}

}  // namespace

bool Readiness::register_fd(EventLoop& loop, int fd, Task& task, bool room) {
  CHECK(!event_);
  task_ = &task;
  fd_ = fd;
  reports_room_ = room;
  event_ = event_new(loop.base(), fd, EV_READ | (room ? EV_WRITE : 0) | EV_CLOSED | EV_ET | EV_PERSIST, &Readiness::on_event, this);
  add(event_);
  return !lost;
}

void Readiness::await_room() {
  writable = false;
  if (reports_room_ || !event_) return;
  if (!room_event_) room_event_ = event_new(event_get_base(event_), fd_, EV_WRITE | EV_ET, &Readiness::on_event, this);
  add(room_event_);
}

void Readiness::add(event* what) {
  CHECK(what);
  lost = event_add(what, nullptr) != 0;
  if (!lost) return;
  readable = writable = closed = true;
  task_->ring();
}

void Readiness::unregister() {
  if (!event_) return;
  event_free(event_);  // deletes it first
  event_ = nullptr;
  if (room_event_) event_free(room_event_);
  room_event_ = nullptr;
}

void Readiness::on_event(int, short what, void* self) {
  Readiness& r = *static_cast<Readiness*>(self);
  if (what & EV_READ) r.readable = true;
  if (what & EV_WRITE) r.writable = true;
  if (what & EV_CLOSED) r.closed = r.readable = true;
  const int all = EV_READ | (r.reports_room_ ? EV_WRITE : 0);
  if ((what & (EV_READ | EV_CLOSED | (all & EV_WRITE))) == all) r.suspect = true;
  r.task_->ring();
}

bool Readiness::peer_closed() {
  if (closed || !suspect) return closed;
  suspect = false;
  pollfd p{fd_, POLLRDHUP, 0};
  if (::poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLHUP | POLLRDHUP))) closed = readable = true;
  return closed;
}

EventLoop::EventLoop(base::Clock& clock) : clock_(clock), base_(make_base()) {
  mailbox_ = std::make_unique<Mailbox>(*this);
  timer_ = event_new(base_, -1, 0, &EventLoop::on_timer, this);
  CHECK(timer_);
}

EventLoop::~EventLoop() {
  mailbox_.reset();
  CHECK_MSG(heap_.empty(), "a task outlives its loop");
  event_free(timer_);
  event_base_free(base_);
}

// For a check that fails on this thread.
void EventLoop::describe_running(void* self) {
  const EventLoop& loop = *static_cast<EventLoop*>(self);
  if (loop.running_) loop.running_->describe(STDERR_FILENO);
}

void EventLoop::run() {
  base::set_check_hook(&EventLoop::describe_running, this);
  while (!stopping_) turn(true);
  stopping_ = false;
  base::set_check_hook(nullptr, nullptr);
}

void EventLoop::turn(bool block) {
  for (int round = 0; round < rounds_a_turn; ++round) {
    if (mailbox_->waiting()) mailbox_->deliver(messages_a_round);
    if (ready_.empty()) break;
    run_ready();
  }
  poll(block && !stopping_ && ready_.empty() && !mailbox_->waiting());
  clock_.refresh();
  fire_timers();
}

void EventLoop::poll(bool block) {
  int flags = EVLOOP_ONCE | EVLOOP_NONBLOCK;
  if (block) {
    const base::TimePoint next = next_deadline();
    if (next > now()) {
      flags = EVLOOP_ONCE;
      if (next != armed_) {
        armed_ = next;
        event_del(timer_);
        if (next != base::TimePoint::max()) {
          // Rounded up, or the poll would end just before the deadline and spin. An hour at most: libevent adds to its own clock.
          const base::Duration left = std::min<base::Duration>(next - now(), std::chrono::hours(1)) + std::chrono::microseconds(999);
          const auto us = std::chrono::duration_cast<std::chrono::microseconds>(left).count();
          const timeval tv{us / 1'000'000, us % 1'000'000};
          event_add(timer_, &tv);
        }
      }
    }
  }
  event_base_loop(base_, flags);
}

void EventLoop::on_timer(int, short, void* self) { static_cast<EventLoop*>(self)->armed_ = base::TimePoint::max(); }

void EventLoop::drain() {
  for (int quiet = 0; quiet < 2;) {
    turn(false);
    quiet = ready_.empty() && !mailbox_->waiting() ? quiet + 1 : 0;
  }
}

std::size_t EventLoop::ready_count() const {
  std::size_t n = 0;
  auto& ready = const_cast<base::List<Task, ReadyTag>&>(ready_);
  for (Task* task = ready.first(); task; task = ready.next(*task)) ++n;
  return n;
}

void EventLoop::ring(Task& task) { ready_.push_back(task); }

void EventLoop::run_ready() {
  current_.take(ready_);
  while (Task* task = current_.pop_front()) {
    running_ = task;
    const Task::Step step = task->run();
    running_ = nullptr;
    if (step == Task::Step::again) task->ring();
    if (step == Task::Step::closed) task->owner_.reap(*task);
  }
}

// --- timers: a binary heap of {when, task}; `when` may lie before the task's real deadline, never behind it ---

void EventLoop::fire_timers() {
  const base::TimePoint now = clock_.now();
  while (!heap_.empty() && heap_[0].when <= now) {
    Task& task = *heap_[0].task;
    if (task.deadline_ <= now) {
      heap_remove(task);
      task.ring();
    } else if (task.deadline_ == base::TimePoint::max()) {
      heap_remove(task);
    } else {
      heap_[0].when = task.deadline_;
      heap_down(0);
    }
  }
}

// The true next deadline: entries whose task has moved on are put right first, so that nobody is woken for nothing.
base::TimePoint EventLoop::next_deadline() {
  while (!heap_.empty() && heap_[0].when != heap_[0].task->deadline_) {
    Task& task = *heap_[0].task;
    if (task.deadline_ == base::TimePoint::max()) {
      heap_remove(task);
    } else {
      heap_[0].when = task.deadline_;
      heap_down(0);
    }
  }
  return heap_.empty() ? base::TimePoint::max() : heap_[0].when;
}

void EventLoop::heap_set(Task& task) {
  if (task.deadline_ == base::TimePoint::max()) return;
  if (task.heap_index_ == not_in_heap) {
    heap_.push_back({task.deadline_, &task});
    task.heap_index_ = static_cast<std::uint32_t>(heap_.size() - 1);
    heap_up(heap_.size() - 1);
  } else if (heap_[task.heap_index_].when > task.deadline_) {
    heap_[task.heap_index_].when = task.deadline_;
    heap_up(task.heap_index_);
  }
}

void EventLoop::heap_remove(Task& task) {
  const std::size_t i = task.heap_index_;
  if (i == not_in_heap) return;
  task.heap_index_ = not_in_heap;
  const Timer last = heap_.back();
  heap_.pop_back();
  if (last.task == &task) return;
  heap_place(i, last);
  heap_up(i);
  heap_down(last.task->heap_index_);
}

void EventLoop::heap_place(std::size_t i, Timer timer) {
  heap_[i] = timer;
  timer.task->heap_index_ = static_cast<std::uint32_t>(i);
}

void EventLoop::heap_up(std::size_t i) {
  const Timer moving = heap_[i];
  while (i > 0 && moving.when < heap_[(i - 1) / 2].when) {
    heap_place(i, heap_[(i - 1) / 2]);
    i = (i - 1) / 2;
  }
  heap_place(i, moving);
}

void EventLoop::heap_down(std::size_t i) {
  const Timer moving = heap_[i];
  for (;;) {
    std::size_t child = 2 * i + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].when < heap_[child].when) ++child;
    if (!(heap_[child].when < moving.when)) break;
    heap_place(i, heap_[child]);
    i = child;
  }
  heap_place(i, moving);
}

}  // namespace net
