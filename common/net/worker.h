// SPDX-License-Identifier: BSD-2-Clause
// A thread with its loop, clock and mailbox: workers and the control thread alike. Owner: the process. Made and joined by the
// main thread; everything reached through loop() belongs to the thread itself once it was started.
#pragma once

#include <atomic>
#include <string>
#include <thread>

#include "base/clock.h"
#include "net/event_loop.h"
#include "net/mailbox.h"

namespace net {

class Thread {
 public:
  // `id`: index of the worker, unique among its kind. `name` is shown by ps and top (15 bytes).
  Thread(std::string name, std::uint32_t id);
  ~Thread();  // stops and joins
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  // Runs the loop on a new thread with all signals blocked; `first` runs there before anything else.
  void start(Message first = {});
  // Runs the loop on the calling thread until stop() (the control thread may be the main thread).
  void run_here();
  void post(Message message) { loop_.mailbox().post(std::move(message)); }  // any thread
  // Any thread: `last` runs on the thread (destroying what lives there), then the loop ends.
  void stop(Message last = {});
  void join();

  EventLoop& loop() { return loop_; }
  base::Clock& clock() { return clock_; }
  const std::string& name() const { return name_; }
  std::uint32_t id() const { return id_; }
  // Connections of this worker, for dealing. Changed by the thread itself, read by any.
  const std::atomic<std::uint32_t>& load() const { return load_; }
  void add_load(std::int32_t change) {
    load_.store(load_.load(std::memory_order_relaxed) + static_cast<std::uint32_t>(change), std::memory_order_relaxed);
  }

 private:
  std::string name_;
  std::uint32_t id_;
  base::SystemClock clock_;
  EventLoop loop_;
  std::atomic<std::uint32_t> load_{0};
  std::thread thread_;
};

}  // namespace net
