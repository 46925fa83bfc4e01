// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include "config/units.h"
#include "config/values.h"

using namespace std::chrono_literals;
using config::parse_duration;
using config::parse_size;

TEST_CASE("durations") {
  CHECK(parse_duration("250us") == 250us);
  CHECK(parse_duration("5ms") == 5ms);
  CHECK(parse_duration("10s") == 10s);
  CHECK(parse_duration("2m") == 2min);
  CHECK(parse_duration("3h") == 3h);
  CHECK(parse_duration("2d") == 48h);
  CHECK(parse_duration("1h30m") == 90min);
  CHECK(parse_duration("1d2h3m4s5ms6us") == 26h + 3min + 4s + 5ms + 6us);
  CHECK(parse_duration("0") == 0s);
  CHECK(parse_duration("0s") == 0s);
  for (const char* text : {"", "10", "s", "-1s", "1.5s", "10 s", "1m1h", "1s1s", "1x", "10sec", "99999999999999999999s", "40000d", " 1s"})
    CHECK_FALSE(parse_duration(text));
  for (const char* text : {"250us", "90s", "5m", "1h", "36h", "2d", "1500ms", "0s"}) CHECK(config::duration_text(*parse_duration(text)) == text);
  CHECK(config::duration_text(3600s) == "1h");
}

TEST_CASE("sizes") {
  CHECK(parse_size("0")->bytes == 0);
  CHECK(parse_size("1000")->bytes == 1000);
  CHECK(parse_size("16k")->bytes == 16384);
  CHECK(parse_size("16K")->bytes == 16384);
  CHECK(parse_size("256m")->bytes == 256u << 20);
  CHECK(parse_size("2g")->bytes == std::uint64_t{2} << 30);
  CHECK(parse_size("1t")->bytes == std::uint64_t{1} << 40);
  for (const char* text : {"", "k", "16kb", "-1", "1.5k", "16 k", "1p", "99999999999t", "18446744073709551616"}) CHECK_FALSE(parse_size(text));
  for (const char* text : {"0", "1000", "16k", "1025k", "3g", "1t"}) CHECK(config::size_text(*parse_size(text)) == text);
}

TEST_CASE("shares") {
  CHECK(config::parse_share("20%")->part == Approx(0.2));
  CHECK(config::parse_share("0.5%")->part == Approx(0.005));
  for (const char* text : {"", "%", "20", "-1%", "1e2%", "1.2.3%", "a%"}) CHECK_FALSE(config::parse_share(text));
  CHECK(config::share_text({0.2}) == "20%");
}

TEST_CASE("suggestions are near, and silent where nothing is") {
  CHECK(config::suggestion("firstbyte", {"first_byte", "between_bytes"}) == "did you mean \"first_byte\"?");
  CHECK(config::suggestion("wokrers", {"workers", "user"}) == "did you mean \"workers\"?");
  CHECK(config::suggestion("Address", {"address"}) == "did you mean \"address\"?");
  CHECK(config::suggestion("timeout", {"idle_timeout", "name"}) == "did you mean \"idle_timeout\"?");
  CHECK(config::suggestion("xyz", {"address", "user"}).empty());
}
