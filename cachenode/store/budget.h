// SPDX-License-Identifier: BSD-2-Clause
// The byte budget of the store: one number that slabs of blocks, heads, rows and the index are charged to before they exist.
// Any thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/check.h"

namespace cachenode::store {

class Budget {
 public:
  explicit Budget(std::uint64_t limit) : limit_(static_cast<std::int64_t>(limit)) {}
  // May be less than what is used: then nothing more can be reserved till room was made.
  void set_limit(std::uint64_t limit) { limit_.store(static_cast<std::int64_t>(limit), std::memory_order_relaxed); }
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;
  // False, and nothing charged, if `bytes` do not fit.
  bool reserve(std::uint64_t bytes) {
    const auto n = static_cast<std::int64_t>(bytes);
    if (used_.fetch_add(n, std::memory_order_relaxed) + n <= limit_.load(std::memory_order_relaxed)) return true;
    used_.fetch_sub(n, std::memory_order_relaxed);
    return false;
  }
  // Charges without asking: for the few things that must go on when the budget is spent.
  void take(std::uint64_t bytes) { used_.fetch_add(static_cast<std::int64_t>(bytes), std::memory_order_relaxed); }
  void give_back(std::uint64_t bytes) {
    const auto n = static_cast<std::int64_t>(bytes);
    BASE_CHECK(used_.fetch_sub(n, std::memory_order_relaxed) >= n);
  }
  std::uint64_t used() const { return static_cast<std::uint64_t>(used_.load(std::memory_order_relaxed)); }
  std::uint64_t limit() const { return static_cast<std::uint64_t>(limit_.load(std::memory_order_relaxed)); }

 private:
  std::atomic<std::int64_t> limit_;
  std::atomic<std::int64_t> used_{0};
};

// Makes room when a reservation failed.
class Evictor {
 public:
  // One bounded step. False when there is nothing to evict anywhere.
  virtual bool evict_some() = 0;

 protected:
  ~Evictor() = default;
};

}  // namespace cachenode::store
