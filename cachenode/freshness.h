// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// Numbers of a stored answer that decide how long it may be used (RFC 9111 4.2), and its age. Any thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.h"

namespace cachenode {

using Seconds = std::int64_t;

struct Freshness {
  base::TimePoint received{};       // when the head came, monotonic
  Seconds initial_age = 0;          // corrected_initial_age (RFC 9111 4.2.3)
  Seconds lifetime = 0;             // counted from age 0
  Seconds grace = 0;                // stale use with a refresh behind
  Seconds stale_if_error = 0;       // stale use while the origin fails
  Seconds keep = 0;                 // how long it is kept for validation
  const char* forbids_stale = nullptr;  // the directive that forbids stale use (RFC 9111 4.2.4), null if none
  bool stale_override = false;      // a rule lifts that while the origin fails
  Seconds client_age_offset = 0;    // what is subtracted for clients that were given their own lifetime (Age from 0)
  base::TimePoint kept_until = base::TimePoint::max();  // an invalidation was settling
};

constexpr Seconds whole_seconds(base::Duration d) { return std::chrono::duration_cast<std::chrono::seconds>(d).count(); }

constexpr Seconds age_at(const Freshness& f, base::TimePoint now) { return f.initial_age + whole_seconds(now - f.received); }

// What clients are told.
constexpr Seconds shown_age(const Freshness& f, base::TimePoint now) { return std::max<Seconds>(0, age_at(f, now) - f.client_age_offset); }

// Seconds of freshness left; negative: stale for so long.
constexpr Seconds ttl_at(const Freshness& f, base::TimePoint now) { return f.lifetime - age_at(f, now); }

// RFC 9111 4.2.3. `age_field`: Age as received, 0 if absent; `date`: Date as received in seconds since 1970, or now.
// A clock that is ahead of the origin's never makes an answer younger than Age says.
constexpr Seconds initial_age(Seconds age_field, Seconds date, Seconds now_wall, Seconds response_delay) {
  const Seconds apparent = std::max<Seconds>(0, now_wall - date);
  return std::max(apparent, age_field + response_delay);
}

}  // namespace cachenode
