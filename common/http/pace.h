// SPDX-License-Identifier: BSD-2-Clause
// How fast a client moves what waits for it alone: bytes counted over a window of time, after which they were enough or not. A
// window runs only while nothing but the client is waited for; where it ends without a verdict the next one begins. Pure; worker thread.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace http {

class Pace {
 public:
  void start(base::TimePoint now) {
    since_ = now;
    rested_ = never;
    bytes_ = 0;
  }
  // Nothing waits for the client any more …
  void rest(base::TimePoint now) {
    if (rested_ == never) rested_ = now;
  }
  // … and now something does. Whoever takes all of a little at once and then has more to take is still in the same window: else a
  // sender that holds back little at a time would never see how slow its client is. True if a window begins.
  bool resume(base::TimePoint now) {
    if (running() && (rested_ == never || now - rested_ <= pause)) {
      rested_ = never;
      return false;
    }
    start(now);
    return true;
  }
  bool running() const { return since_ != never; }
  void add(std::size_t bytes) { bytes_ += bytes; }
  std::uint64_t bytes() const { return bytes_; }
  base::TimePoint since() const { return since_; }
  // When the window ends; `rate` 0 asks for nothing.
  base::TimePoint due(base::Duration window, std::uint64_t rate) const { return rate == 0 || !running() ? never : since_ + window; }
  // Less than `rate` bytes a second came in it.
  bool slow(base::Duration window, std::uint64_t rate) const {
    return static_cast<double>(bytes_) < static_cast<double>(rate) * std::chrono::duration<double>(window).count();
  }

 private:
  static constexpr base::TimePoint never = base::TimePoint::max();
  static constexpr base::Duration pause = std::chrono::seconds(1);
  base::TimePoint since_ = never;
  base::TimePoint rested_ = never;
  std::uint64_t bytes_ = 0;
};

}  // namespace http
