// SPDX-License-Identifier: BSD-2-Clause
// Dates: what parses is written as a fixed-length date that means the same second; every second of four-digit years survives.
// Input: seconds since 1970 that are "now", one line; then the date.
#include "base/bytes.h"
#include "fuzz/fuzz.h"
#include "http/dates.h"

namespace {

using namespace http;

constexpr std::int64_t year_10000 = 253402300800;

void check_second(std::int64_t second) {
  const auto civil = civil_from_seconds(second);
  MUST(civil.month >= 1 && civil.month <= 12 && civil.day >= 1 && civil.day <= 31 && civil.weekday >= 0 && civil.weekday <= 6);
  MUST(seconds_from_civil(civil.year, civil.month, civil.day, civil.hour, civil.minute, civil.second) == second);
  if (second < 0 || second >= year_10000) return;
  const auto text = format_date(second);
  MUST(text.size() == 29 && text.ends_with(" GMT"));
  const auto again = parse_date(text);
  MUST(again && *again == second);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto now = static_cast<std::int64_t>(base::parse_decimal(input.line()).value_or(0) % year_10000);
  check_second(now);
  const auto date = parse_date(input.rest(), now);
  if (date) check_second(*date);
  return 0;
}
