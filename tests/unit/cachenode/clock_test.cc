// SPDX-License-Identifier: BSD-2-Clause
// The wall clock is set while answers are stored: nothing stays fresh, stale, missed or purged any longer or shorter for it.
#include <catch2/catch.hpp>

#include "cachenode/use_stored.h"
#include "http/dates.h"
#include "tests/unit/cachenode/decision_helpers.h"

using namespace cachenode;

namespace {

constexpr Seconds origin_clock = 1'700'000'000;
constexpr std::int64_t hour = 3600, year = 365 * 24 * hour;

// An answer as it is stored by a cachenode whose clock is `clock`.
StoreDecision store_now(const base::Clock& clock, std::string_view fields) {
  const http::RequestHead head = request("GET /");
  const http::ResponseHead reply = answer(200, fields);
  AnswerView view{head, reply, std::nullopt};
  view.now = clock.now();
  view.now_wall = clock.unix_seconds();
  observe::LastReason why;
  return storable(Policy{}, view, why);
}

Use use_now(const Freshness& f, const base::Clock& clock, bool failed = false) {
  observe::LastReason why;
  return use_stored(UseView{f, clock.now(), failed}, why);
}

}  // namespace

TEST_CASE("a step of the wall clock after storing changes neither freshness nor Age nor the stale windows") {
  const std::int64_t step = GENERATE(0, hour, -hour, 20 * year, -20 * year);
  CAPTURE(step);
  base::FakeClock clock(origin_clock);
  const StoreDecision stored = store_now(clock, "Cache-Control: max-age=60, stale-while-revalidate=30, stale-if-error=300\nDate: " + http::format_date(origin_clock));
  REQUIRE(stored.store);
  clock.step_wall(std::chrono::seconds(step));
  clock.advance(std::chrono::seconds(59));
  CHECK(shown_age(stored.freshness, clock.now()) == 59);
  CHECK(use_now(stored.freshness, clock) == Use::fresh);
  clock.step_wall(std::chrono::seconds(-2 * step));
  clock.advance(std::chrono::seconds(2));
  CHECK(shown_age(stored.freshness, clock.now()) == 61);
  CHECK(use_now(stored.freshness, clock) == Use::stale);
  clock.advance(std::chrono::seconds(30));
  CHECK(use_now(stored.freshness, clock) == Use::revalidate);
  CHECK(use_now(stored.freshness, clock, true) == Use::stale);
  clock.advance(std::chrono::seconds(300));
  CHECK(use_now(stored.freshness, clock, true) != Use::stale);
}

TEST_CASE("what is stored while the wall clock is wrong is not kept for longer than it may be") {
  base::FakeClock clock(origin_clock);
  const std::string date = "\nDate: " + http::format_date(origin_clock);
  const std::string expires = "Expires: " + http::format_date(origin_clock + 60);
  SECTION("years behind") {
    clock.step_wall(std::chrono::seconds(-20 * year));
    const StoreDecision counted = store_now(clock, "Cache-Control: max-age=60" + date), dated = store_now(clock, expires + date);
    const StoreDecision dateless = store_now(clock, expires);
    REQUIRE((counted.store && dated.store && dateless.store));
    clock.step_wall(std::chrono::seconds(20 * year));
    clock.advance(std::chrono::seconds(61));
    CHECK(use_now(counted.freshness, clock) != Use::fresh);
    CHECK(use_now(dated.freshness, clock) != Use::fresh);
    // Only our own clock could tell how long: believed for a day.
    clock.advance(std::chrono::hours(24));
    CHECK(use_now(dateless.freshness, clock) != Use::fresh);
  }
  SECTION("years ahead: all looks old, and is stored again once the clock is right") {
    clock.step_wall(std::chrono::seconds(20 * year));
    const StoreDecision looks_old = store_now(clock, "Cache-Control: max-age=60" + date);
    CHECK_FALSE(looks_old.store);
    CHECK(looks_old.marker <= Policy{}.lifetime.uncacheable_ttl);
    clock.step_wall(std::chrono::seconds(-20 * year));
    CHECK(store_now(clock, "Cache-Control: max-age=60" + date).freshness.initial_age == 0);
  }
}

TEST_CASE("without a date, the age of an answer does not hang on our clock") {
  base::FakeClock clock(origin_clock + GENERATE(-20 * year, 20 * year));
  const StoreDecision stored = store_now(clock, "Cache-Control: max-age=60\nAge: 10");
  REQUIRE(stored.store);
  CHECK(stored.freshness.initial_age == 10);
}
