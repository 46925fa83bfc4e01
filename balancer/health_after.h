// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// A server's health after an event: the result of a check, or a failed connection that traffic saw. What the book does with
// it (in the choice or not) and how soon the next check comes follow from the value.
#pragma once

#include <string>

#include "balancer/reasons.h"
#include "base/clock.h"
#include "observe/why.h"

namespace balancer {

struct HealthRules {
  std::uint32_t rise = 2;
  std::uint32_t fall = 3;
  base::Duration interval_up = std::chrono::seconds(2);
  base::Duration interval_down = std::chrono::seconds(1);
  base::Duration interval_change = std::chrono::seconds(1);
  std::uint32_t observe_errors = 10;  // failed connections in a row until checks hurry; 0: not observed
};

struct Health {
  enum class State : std::uint8_t {
    unchecked,  // check = false: taken as up
    starting,   // not checked yet: takes nothing
    down,
    up,
  };
  State state = State::unchecked;
  std::uint32_t good = 0;    // checks passed in a row, while down
  std::uint32_t bad = 0;     // checks failed in a row, while up
  std::uint32_t errors = 0;  // failed connections since the last good check
  bool hurry = false;        // in doubt: checks come at interval_change
  bool up() const { return state == State::up || state == State::unchecked; }
  bool operator==(const Health&) const = default;
};

// no_resources: the check could not be made for want of our own descriptors, ports or memory.
enum class HealthEvent : std::uint8_t { passed, failed, timed_out, connect_failed, no_resources };

struct HealthView {
  std::uint32_t used = 0;
  std::uint32_t limit = 0;  // 0: unlimited
  std::string_view server;
};

template <observe::Why W>
Health health_after(const Health& before, const HealthRules& rules, HealthEvent event, const HealthView& view, W& why) {
  Health after = before;
  const auto because = [&](const base::ReasonRow& row, std::int64_t a = 0, std::int64_t b = 0) { why.because(row, a, b, view.server); };
  if (event == HealthEvent::connect_failed) {
    ++after.errors;
    after.hurry = true;
    if (rules.observe_errors != 0 && after.errors >= rules.observe_errors) because(reason::observed_fast, after.errors, rules.observe_errors);
    else because(reason::observed, after.errors, rules.observe_errors);
    return after;
  }
  if (event == HealthEvent::passed) {
    after.errors = after.bad = 0;
    after.hurry = false;
    if (before.state == Health::State::starting) {
      after.state = Health::State::up;
      because(reason::first_check);
    } else if (before.state == Health::State::down) {
      after.good = before.good + 1;
      const bool up = after.good >= rules.rise;
      because(up ? reason::risen : reason::rising, after.good, rules.rise);
      if (up) after.state = Health::State::up;
      if (up) after.good = 0;
    } else {
      because(reason::steady);
    }
    return after;
  }
  if (event == HealthEvent::no_resources) {
    because(reason::check_impossible);
    return after;
  }
  // A server whose every place is taken may have none left to answer the check with; it is busy, not dead.
  if (event == HealthEvent::timed_out && view.limit != 0 && view.used >= view.limit && before.state == Health::State::up) {
    because(reason::check_undecided, view.limit);
    return after;
  }
  after.good = 0;
  if (before.state == Health::State::up) {
    after.bad = before.bad + 1;
    const bool down = after.bad >= rules.fall;
    because(down ? reason::fallen : reason::failing, after.bad, rules.fall);
    after.hurry = !down;
    if (down) after.state = Health::State::down;
    if (down) after.bad = 0;
  } else {
    after.state = Health::State::down;
    after.hurry = false;
    because(reason::still_down);
  }
  return after;
}

// Until the next check: at interval_change while in doubt or half-way.
inline base::Duration next_check(const Health& health, const HealthRules& rules) {
  if (health.hurry || health.good > 0 || health.bad > 0 || health.state == Health::State::starting) return rules.interval_change;
  return health.up() ? rules.interval_up : rules.interval_down;
}

// HAProxy's words for the `status` column: "UP", "UP 1/3" (falling), "DOWN", "DOWN 1/2" (rising), "no check".
inline std::string health_word(const Health& health, const HealthRules& rules) {
  switch (health.state) {
    case Health::State::unchecked: return "no check";
    case Health::State::starting: return "DOWN";
    case Health::State::down:
      return health.good == 0 ? "DOWN" : "DOWN " + std::to_string(health.good) + "/" + std::to_string(rules.rise);
    case Health::State::up:
      return health.bad == 0 ? "UP" : "UP " + std::to_string(rules.fall - health.bad) + "/" + std::to_string(rules.fall);
  }
  return "";
}

}  // namespace balancer
