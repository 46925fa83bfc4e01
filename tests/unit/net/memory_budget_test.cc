// SPDX-License-Identifier: BSD-2-Clause
#include "net/memory_budget.h"

#include <catch2/catch.hpp>

namespace {

constexpr std::ptrdiff_t mib = 1 << 20;
using Pressure = net::MemoryBudget::Pressure;

// The thread counts against the budget as long as this lives.
struct OnThisThread {
  explicit OnThisThread(net::MemoryBudget& budget) { net::MemoryBudget::use_on_this_thread(&budget); }
  ~OnThisThread() { net::MemoryBudget::use_on_this_thread(nullptr); }
};

}  // namespace

TEST_CASE("pressure rises with the use of the budget, and windows shrink") {
  net::MemoryBudget budget(100 * mib);
  const OnThisThread counted(budget);
  constexpr std::size_t whole = 64 * 1024, least = 4 * 1024 - 64;
  auto at = [&budget, used = std::ptrdiff_t{0}](std::ptrdiff_t now) mutable {
    net::MemoryBudget::count(now - used);
    used = now;
    return budget.window(whole);
  };
  CHECK(budget.pressure() == Pressure::none);
  CHECK(at(12 * mib) == whole);
  CHECK(budget.pressure() == Pressure::none);
  CHECK(at(25 * mib) == whole / 2);  // a quarter: half-way between an eighth and three
  CHECK(budget.pressure() == Pressure::some);
  CHECK(at(37 * mib) < whole / 10);
  CHECK(at(38 * mib) == least);
  CHECK(at(75 * mib) == least);
  CHECK(budget.pressure() == Pressure::high);
  CHECK(at(90 * mib) == least);
  CHECK(budget.pressure() == Pressure::full);
}

TEST_CASE("times_full counts how often the budget became full, not how often somebody looked") {
  net::MemoryBudget budget(100 * mib);
  const OnThisThread counted(budget);
  net::MemoryBudget::count(89 * mib);
  budget.pressure();
  CHECK(budget.times_full() == 0);
  net::MemoryBudget::count(2 * mib);
  for (int i = 0; i < 10; ++i) budget.pressure();
  CHECK(budget.times_full() == 1);
  // Use that swings around the bound is the same occurrence.
  net::MemoryBudget::count(-5 * mib);
  budget.pressure();
  net::MemoryBudget::count(5 * mib);
  budget.pressure();
  CHECK(budget.times_full() == 1);
  // Below three quarters it is over.
  net::MemoryBudget::count(-20 * mib);
  CHECK(budget.pressure() == Pressure::some);
  net::MemoryBudget::count(20 * mib);
  CHECK(budget.pressure() == Pressure::full);
  CHECK(budget.times_full() == 2);
}
