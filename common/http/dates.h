// SPDX-License-Identifier: BSD-2-Clause
// Dates of HTTP (RFC 9110 5.6.7), in whole seconds since 1970-01-01 UTC. Pure but for a cache a thread; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace http {

struct CivilTime {
  int year, month, day, hour, minute, second, weekday;  // month 1..12, weekday 0 = Sunday
};
CivilTime civil_from_seconds(std::int64_t unix_seconds);
std::int64_t seconds_from_civil(int year, int month, int day, int hour, int minute, int second);

// "Sun, 06 Nov 1994 08:49:37 GMT".
std::string format_date(std::int64_t unix_seconds);
// The same for the clock's second, made once a second and thread. Valid until the thread's next call.
std::string_view http_date(const base::Clock& clock);
// IMF-fixdate, RFC 850 and asctime forms; nullopt for anything else. `now` decides the century of two-digit years: more
// than 50 years ahead means the past one.
std::optional<std::int64_t> parse_date(std::string_view text, std::int64_t now = 0);

}  // namespace http
