// SPDX-License-Identifier: BSD-2-Clause
// Durations ("10s", "1m30s"), sizes ("16k") and shares ("20%") as users write them. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace config {

// Bytes. Converts silently so that option structs can be used as numbers.
struct Size {
  std::uint64_t bytes = 0;
  constexpr Size() = default;
  constexpr Size(std::uint64_t count) : bytes(count) {}
  constexpr operator std::uint64_t() const { return bytes; }
};
inline namespace literals {
constexpr Size operator""_k(unsigned long long n) { return Size(n << 10); }
constexpr Size operator""_m(unsigned long long n) { return Size(n << 20); }
constexpr Size operator""_g(unsigned long long n) { return Size(n << 30); }
}  // namespace literals

// A part of a whole: 0.2 is "20%".
struct Share {
  double part = 0;
};

// us ms s m h d; several in falling order ("1h30m"). A bare "0" is allowed. nullopt: not a duration, or above 100 years.
std::optional<base::Duration> parse_duration(std::string_view text);
std::string duration_text(base::Duration value);  // in one unit: the largest that divides it
// k m g t = powers of 1024, either case; no letter: bytes. nullopt: not a size, or above 2^62.
std::optional<Size> parse_size(std::string_view text);
std::string size_text(Size value);
std::optional<Share> parse_share(std::string_view text);
std::string share_text(Share value);

}  // namespace config
