// SPDX-License-Identifier: BSD-2-Clause
// What the balancer counts, for `show stat`, the status page and metrics. A set of counters has one writer (a worker); readers
// on the control thread sum over workers.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <deque>

namespace balancer {

// Written by one thread, read by any.
class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }
  operator std::uint64_t() const { return value(); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// A mean of about the last 1024 values, as HAProxy's qtime, ctime, rtime and ttime are.
class Average {
 public:
  void add(std::uint64_t value) {
    const std::uint64_t n = count_.value();
    if (n < window) count_.add();
    const std::uint64_t sum = sum_.load(std::memory_order_relaxed);
    sum_.store(n < window ? sum + value : sum - sum / window + value, std::memory_order_relaxed);
    if (value > max_.load(std::memory_order_relaxed)) max_.store(value, std::memory_order_relaxed);
  }
  std::uint64_t sum() const { return sum_.load(std::memory_order_relaxed); }
  std::uint64_t count() const { return count_.value(); }
  std::uint64_t max() const { return max_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::uint64_t window = 1024;
  std::atomic<std::uint64_t> sum_{0}, max_{0};
  Counter count_;
};

// name, HAProxy's column
#define BALANCER_COUNTERS(X)                                             \
  X(requests)          /* stot, req_tot, lbtot */                        \
  X(bytes_in)          /* bin */                                         \
  X(bytes_out)         /* bout */                                        \
  X(denied)            /* dreq: loops, over maxconn */                   \
  X(request_errors)    /* ereq */                                        \
  X(connect_errors)    /* econ */                                        \
  X(response_errors)   /* eresp */                                       \
  X(retries)           /* wretr */                                       \
  X(redispatches)      /* wredis */                                      \
  X(client_aborts)     /* cli_abrt */                                    \
  X(server_aborts)     /* srv_abrt */                                    \
  X(connects)          /* connect */                                     \
  X(reuses)            /* reuse */                                       \
  X(intercepted)       /* intercepted: answered by the balancer itself */ \
  X(queue_timeouts)                                                      \
  X(queue_left)

struct Counts {
#define BALANCER_COUNTER(name) std::uint64_t name = 0;
  BALANCER_COUNTERS(BALANCER_COUNTER)
#undef BALANCER_COUNTER
  std::array<std::uint64_t, 6> statuses{};  // 1xx to 5xx, other last
  struct Mean {
    std::uint64_t sum = 0, count = 0, max = 0;
    std::uint64_t value() const { return count ? sum / count : 0; }
  };
  Mean queue_ms, connect_ms, response_ms, total_ms;
};

struct alignas(64) Counters {
#define BALANCER_COUNTER(name) Counter name;
  BALANCER_COUNTERS(BALANCER_COUNTER)
#undef BALANCER_COUNTER
  std::array<Counter, 6> statuses;
  Average queue_ms, connect_ms, response_ms, total_ms;

  void count_status(int status) { statuses[status >= 100 && status < 600 ? static_cast<std::size_t>(status / 100 - 1) : 5].add(); }
};

// One set a worker.
class CounterSet {
 public:
  explicit CounterSet(std::size_t workers) : sets_(workers) {}
  Counters& of(std::size_t worker) { return sets_[worker]; }
  Counts sum() const {
    Counts out;
    for (const Counters& set : sets_) {
#define BALANCER_COUNTER(name) out.name += set.name;
      BALANCER_COUNTERS(BALANCER_COUNTER)
#undef BALANCER_COUNTER
      for (std::size_t i = 0; i < out.statuses.size(); ++i) out.statuses[i] += set.statuses[i];
      const auto mean = [](Counts::Mean& to, const Average& from) {
        to.sum += from.sum();
        to.count += from.count();
        to.max = std::max(to.max, from.max());
      };
      mean(out.queue_ms, set.queue_ms);
      mean(out.connect_ms, set.connect_ms);
      mean(out.response_ms, set.response_ms);
      mean(out.total_ms, set.total_ms);
    }
    return out;
  }

 private:
  std::deque<Counters> sets_;
};

// How many there are now and were at most; any thread.
class Gauge {
 public:
  std::uint32_t enter() {
    const std::uint32_t n = now_.fetch_add(1, std::memory_order_relaxed) + 1;
    std::uint32_t max = max_.load(std::memory_order_relaxed);
    while (n > max && !max_.compare_exchange_weak(max, n, std::memory_order_relaxed)) {}
    return n;
  }
  void leave() { now_.fetch_sub(1, std::memory_order_relaxed); }
  std::uint32_t now() const { return now_.load(std::memory_order_relaxed); }
  std::uint32_t max() const { return max_.load(std::memory_order_relaxed); }
  void clear_max() { max_.store(now(), std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> now_{0}, max_{0};
};

}  // namespace balancer
