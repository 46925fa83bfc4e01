// SPDX-License-Identifier: BSD-2-Clause
// A bounded pool of threads for what blocks: open and read of files, getaddrinfo, password hashes. A job runs on a pool thread and
// touches nothing but what it owns; its completion runs on the loop that asked, unless it was cancelled meanwhile.
// Offload: owned by the process, destroyed (joined) before the loops it serves. OffloadClient: one a loop, used on its thread only.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <vector>

#include "base/handle.h"
#include "base/result.h"
#include "net/mailbox.h"

namespace net {

class OffloadClient;

class Offload {
 public:
  struct Options {
    std::size_t threads = 4;
    std::size_t queue = 1024;  // jobs that wait; more are refused
  };
  explicit Offload(Options options);
  ~Offload();  // jobs that wait are dropped, running ones are finished
  Offload(const Offload&) = delete;
  Offload& operator=(const Offload&) = delete;
  std::size_t waiting() const;
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  friend class OffloadClient;
  struct Job {
    virtual ~Job() = default;
    virtual void work() = 0;    // pool thread
    virtual void finish() = 0;  // loop's thread, not if cancelled
    std::atomic<bool> cancelled{false};
  };
  struct Entry {
    std::shared_ptr<Job> job;
    Mailbox* mailbox;
    Message done;
  };
  bool push(Entry entry);
  void serve();

  Options options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Entry> queue_;
  bool stopping_ = false;
  std::atomic<std::uint64_t> refused_{0};
  std::vector<std::thread> threads_;
};

class OffloadClient {
 public:
  OffloadClient(Offload& pool, EventLoop& loop);
  ~OffloadClient();  // cancels all
  OffloadClient(const OffloadClient&) = delete;
  OffloadClient& operator=(const OffloadClient&) = delete;

  // Runs `work()` on the pool and then `done(its result)` (done() for void) on this loop. Error: offload-full. Both callables are
  // destroyed on this loop's thread, unless the loop has ended.
  template <class Work, class Done>
  base::Result<base::Handle> submit(Work work, Done done) {
    auto job = std::make_shared<JobOf<Work, Done>>(std::move(work), std::move(done));
    return add(std::move(job));
  }
  // The completion will not be called. A job that has not begun is skipped; one that runs is let finish.
  void cancel(base::Handle handle);
  std::size_t pending() const;

 private:
  template <class Work, class Done>
  struct JobOf final : Offload::Job {
    using R = std::invoke_result_t<Work&>;
    JobOf(Work w, Done d) : work_(std::move(w)), done_(std::move(d)) {}
    void work() override {
      if constexpr (std::is_void_v<R>)
        work_();
      else
        result_.emplace(work_());
    }
    void finish() override {
      if constexpr (std::is_void_v<R>)
        done_();
      else
        done_(std::move(*result_));
    }
    Work work_;
    Done done_;
    std::optional<std::conditional_t<std::is_void_v<R>, char, R>> result_;
  };
  // What messages in the mail find if the client is gone: nothing.
  struct Table {
    base::HandleTable<Offload::Job> handles;
    std::vector<std::shared_ptr<Offload::Job>> jobs;  // by handle index
  };
  base::Result<base::Handle> add(std::shared_ptr<Offload::Job> job);
  static void finish(const std::shared_ptr<Table>& table, base::Handle handle);

  Offload& pool_;
  EventLoop& loop_;
  std::shared_ptr<Table> table_;
};

}  // namespace net
