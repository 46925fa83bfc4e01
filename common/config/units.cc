// SPDX-License-Identifier: BSD-2-Clause
#include "config/units.h"

#include <fmt/core.h>

#include <cstdlib>

#include "base/bytes.h"

namespace config {
namespace {

struct DurationUnit {
  std::string_view name;
  std::int64_t nanoseconds;
};
// Falling order.
constexpr DurationUnit duration_units[] = {{"d", 86'400'000'000'000}, {"h", 3'600'000'000'000}, {"m", 60'000'000'000},
                                           {"s", 1'000'000'000},      {"ms", 1'000'000},        {"us", 1'000}};
constexpr std::int64_t longest = 36'500LL * 86'400'000'000'000 / 100 * 100;

std::string_view take(std::string_view& text, bool digits) {
  std::size_t n = 0;
  while (n < text.size() && base::is_digit(text[n]) == digits) ++n;
  const std::string_view taken = text.substr(0, n);
  text.remove_prefix(n);
  return taken;
}

}  // namespace

std::optional<base::Duration> parse_duration(std::string_view text) {
  if (text == "0") return base::Duration::zero();
  if (text.empty()) return std::nullopt;
  std::int64_t total = 0;
  const DurationUnit* last = nullptr;
  while (!text.empty()) {
    const auto count = base::parse_decimal(take(text, true));
    const std::string_view name = take(text, false);
    const DurationUnit* unit = nullptr;
    for (const DurationUnit& candidate : duration_units)
      if (candidate.name == name) unit = &candidate;
    if (!count || !unit || (last && unit <= last)) return std::nullopt;
    if (*count > static_cast<std::uint64_t>((longest - total) / unit->nanoseconds)) return std::nullopt;
    total += static_cast<std::int64_t>(*count) * unit->nanoseconds;
    last = unit;
  }
  return base::Duration(total);
}

std::string duration_text(base::Duration value) {
  if (value.count() == 0) return "0s";
  for (const DurationUnit& unit : duration_units)
    if (value.count() % unit.nanoseconds == 0) return std::to_string(value.count() / unit.nanoseconds) + std::string(unit.name);
  return std::to_string(value.count() / 1000) + "us";
}

std::optional<Size> parse_size(std::string_view text) {
  const auto count = base::parse_decimal(take(text, true));
  if (!count) return std::nullopt;
  unsigned shift = 0;
  if (text.size() == 1) {
    const auto at = std::string_view("kmgt").find(base::lower(text[0]));
    if (at == std::string_view::npos) return std::nullopt;
    shift = 10 * (static_cast<unsigned>(at) + 1);
  } else if (!text.empty()) {
    return std::nullopt;
  }
  if (*count > (std::uint64_t{1} << 62) >> shift) return std::nullopt;
  return Size(*count << shift);
}

std::string size_text(Size value) {
  static constexpr char letters[] = {'t', 'g', 'm', 'k'};
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned shift = 40 - 10 * i;
    if (value.bytes != 0 && value.bytes % (std::uint64_t{1} << shift) == 0) return std::to_string(value.bytes >> shift) + letters[i];
  }
  return std::to_string(value.bytes);
}

std::optional<Share> parse_share(std::string_view text) {
  if (text.size() < 2 || text.back() != '%') return std::nullopt;
  const std::string number(text.substr(0, text.size() - 1));
  if (!base::is_digit(number.front()) || number.find_first_not_of("0123456789.") != std::string::npos) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(number.c_str(), &end);
  if (*end != '\0') return std::nullopt;
  return Share{value / 100};
}

std::string share_text(Share value) { return fmt::format("{:g}%", value.part * 100); }

}  // namespace config
