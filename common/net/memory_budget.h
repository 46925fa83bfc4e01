// SPDX-License-Identifier: BSD-2-Clause
// How much memory all blocks of a process may take (`limits.buffers`). Blocks are counted by the thread that allocates or frees
// them and told to the budget in steps of 128 KiB, so that the count costs no shared cache line a block. The budget refuses
// nothing: it reports pressure, and whoever holds buffers sheds in order (smaller windows, no accepting). Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace net {

class MemoryBudget {
 public:
  explicit MemoryBudget(std::size_t limit) : limit_(limit) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  enum class Pressure : std::uint8_t {
    none,    // below an eighth of the limit
    some,    // windows shrink evenly, to 4 KiB at three eighths
    high,    // from three quarters: readers that take nothing are given up
    full,    // from nine tenths: no new connections
  };
  Pressure pressure() const;
  // `window`, made smaller as pressure asks.
  std::size_t window(std::size_t window) const;
  std::size_t used() const { return static_cast<std::size_t>(used_.load(std::memory_order_relaxed) > 0 ? used_.load(std::memory_order_relaxed) : 0); }
  std::size_t limit() const { return limit_.load(std::memory_order_relaxed); }
  void set_limit(std::size_t limit) { limit_.store(limit, std::memory_order_relaxed); }
  // How often the budget became full, as pressure() saw it; once until use has fallen below three quarters.
  std::uint64_t times_full() const { return times_full_.load(std::memory_order_relaxed); }

  // Blocks of the calling thread count against `budget` from now on (null: against none). It outlives the thread's blocks.
  static void use_on_this_thread(MemoryBudget* budget);
  // The calling thread's budget, null if it has none.
  static MemoryBudget* of_this_thread();
  // For Block: bytes allocated (positive) or freed on this thread.
  static void count(std::ptrdiff_t bytes);

 private:
  std::atomic<std::ptrdiff_t> used_{0};
  std::atomic<std::size_t> limit_;
  mutable std::atomic<std::uint64_t> times_full_{0};
  mutable std::atomic<bool> is_full_{false};
};

// A window under the calling thread's budget.
std::size_t window_under_pressure(std::size_t window);

}  // namespace net
