// SPDX-License-Identifier: BSD-2-Clause
#include "net/memory_budget.h"

#include <algorithm>

namespace net {
namespace {

constexpr std::ptrdiff_t step = 128 * 1024;
constexpr std::size_t least_window = 4 * 1024 - 64;  // fits the smallest block

// What this thread has not told yet.
struct Untold {
  MemoryBudget* budget;
  std::ptrdiff_t bytes;
};
constinit thread_local Untold untold{};

}  // namespace

MemoryBudget::Pressure MemoryBudget::pressure() const {
  const std::size_t used_now = used(), limit_now = limit();
  if (used_now < limit_now / 10 * 9) {
    if (used_now >= limit_now / 4 * 3) return Pressure::high;
    // Not already below nine tenths: use that swings around the bound is one occurrence.
    if (is_full_.load(std::memory_order_relaxed)) is_full_.store(false, std::memory_order_relaxed);
    return used_now < limit_now / 8 ? Pressure::none : Pressure::some;
  }
  if (!is_full_.load(std::memory_order_relaxed) && !is_full_.exchange(true, std::memory_order_relaxed))
    times_full_.fetch_add(1, std::memory_order_relaxed);
  return Pressure::full;
}

std::size_t MemoryBudget::window(std::size_t window) const {
  // Whoever comes takes a share of what is left, so that the first few cannot take all of it.
  const std::size_t used_now = used(), part = limit() / 8;
  if (used_now < part) return window;
  if (used_now >= 3 * part) {
    static_cast<void>(pressure());  // counts
    return std::min(window, least_window);
  }
  const double left = static_cast<double>(3 * part - used_now) / static_cast<double>(2 * part);
  return std::max(static_cast<std::size_t>(static_cast<double>(window) * left), std::min(window, least_window));
}

void MemoryBudget::use_on_this_thread(MemoryBudget* budget) {
  if (untold.budget) untold.budget->used_.fetch_add(untold.bytes, std::memory_order_relaxed);
  untold = {budget, 0};
}

MemoryBudget* MemoryBudget::of_this_thread() { return untold.budget; }

void MemoryBudget::count(std::ptrdiff_t bytes) {
  if (!untold.budget) return;
  untold.bytes += bytes;
  if (untold.bytes < step && untold.bytes > -step) return;
  untold.budget->used_.fetch_add(untold.bytes, std::memory_order_relaxed);
  untold.bytes = 0;
}

std::size_t window_under_pressure(std::size_t window) {
  const MemoryBudget* budget = MemoryBudget::of_this_thread();
  return budget ? budget->window(window) : window;
}

}  // namespace net
