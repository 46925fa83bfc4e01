// SPDX-License-Identifier: BSD-2-Clause
// Time as the daemons see it: a monotonic clock for durations and a wall clock for dates, logs and disk.
// The loop reads the system's clocks once a round and hands the same Clock to everything it drives; tests hand a FakeClock.
#pragma once

#include <chrono>
#include <cstdint>

namespace base {

using Duration = std::chrono::nanoseconds;
// Monotonic; its epoch means nothing.
struct MonotonicClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock>;
  static constexpr bool is_steady = true;
};
using TimePoint = MonotonicClock::time_point;
// Wall time since 1970-01-01 UTC.
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

class Clock {
 public:
  virtual ~Clock() = default;
  TimePoint now() const { return now_; }
  WallTime wall() const { return wall_; }
  // Whole seconds since 1970, for dates and freshness.
  std::int64_t unix_seconds() const { return std::chrono::duration_cast<std::chrono::seconds>(wall_.time_since_epoch()).count(); }
  // Reads the sources again; the loop calls it once after each poll.
  virtual void refresh() = 0;

 protected:
  TimePoint now_{};
  WallTime wall_{};
};

class SystemClock final : public Clock {
 public:
  SystemClock() { SystemClock::refresh(); }
  void refresh() override;
};

// Moves only when told. Both clocks advance together; step_wall moves the wall clock alone, as an administrator or NTP does.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(std::int64_t unix_seconds = 1'700'000'000);
  void refresh() override {}
  void advance(Duration by) { now_ += by; wall_ += by; }
  void step_wall(Duration by) { wall_ += by; }
};

// The precise monotonic time now, for measuring inside a round (connect times, handshakes).
TimePoint precise_now();

}  // namespace base
