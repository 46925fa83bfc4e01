// SPDX-License-Identifier: BSD-2-Clause
#include "base/clock.h"

#include <ctime>

namespace base {
namespace {
Duration read_clock(clockid_t id) {
  timespec t{};
  clock_gettime(id, &t);
  return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}
}  // namespace

void SystemClock::refresh() {
  now_ = TimePoint(read_clock(CLOCK_MONOTONIC));
  wall_ = WallTime(read_clock(CLOCK_REALTIME));
}

FakeClock::FakeClock(std::int64_t unix_seconds) {
  now_ = TimePoint(std::chrono::hours(1));
  wall_ = WallTime(std::chrono::seconds(unix_seconds));
}

TimePoint precise_now() { return TimePoint(read_clock(CLOCK_MONOTONIC)); }

}  // namespace base
