// SPDX-License-Identifier: BSD-2-Clause
// The balancer's judgements, with the reasons they give.
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "balancer/health_after.h"
#include "balancer/may_retry.h"
#include "balancer/pick_server.h"
#include "balancer/sticky.h"

namespace {

using balancer::Balance;
using balancer::Failure;
using balancer::FailedAttempt;
using balancer::Health;
using balancer::HealthEvent;
using balancer::HealthRules;
using balancer::RetryRules;
using http::ServerRow;
using observe::FullWhy;
using observe::LastReason;
namespace reason = balancer::reason;

ServerRow row(std::string_view name, std::uint32_t weight = 1, std::uint32_t used = 0, std::uint32_t limit = 0) {
  ServerRow r;
  r.name = name;
  r.configured_weight = weight;
  r.used = used;
  r.configured_limit = limit;
  return r;
}

std::size_t pick(Balance balance, const std::vector<ServerRow>& rows) {
  LastReason why;
  return balancer::pick_server(balance, rows, "b", why);
}

}  // namespace

TEST_CASE("round robin gives each its weight, evenly spread") {
  std::vector<ServerRow> rows{row("a", 5), row("b", 1), row("c", 1)};
  std::string order;
  for (int i = 0; i < 14; ++i) {
    const std::size_t chosen = pick(Balance::roundrobin, rows);
    order += rows[chosen].name;
    balancer::apply_pick(Balance::roundrobin, rows, chosen);
  }
  CHECK(order == "aabacaaaabacaa");
}

TEST_CASE("picking does not move the round robin, applying does") {
  std::vector<ServerRow> rows{row("a"), row("b")};
  CHECK(pick(Balance::roundrobin, rows) == 0);
  CHECK(pick(Balance::roundrobin, rows) == 0);
  balancer::apply_pick(Balance::roundrobin, rows, 0);
  CHECK(pick(Balance::roundrobin, rows) == 1);
}

TEST_CASE("leastconn weighs what runs") {
  CHECK(pick(Balance::leastconn, {row("a", 1, 2), row("b", 1, 1)}) == 1);
  CHECK(pick(Balance::leastconn, {row("a", 100, 2), row("b", 50, 1)}) == 0);  // 3/100 < 2/50
  CHECK(pick(Balance::leastconn, {row("a", 1, 0), row("b", 10, 5)}) == 1);    // 1/1 > 6/10
  auto rows = std::vector<ServerRow>{row("a"), row("b")};
  rows[0].last_grant = 7;  // equal load: whoever was not served last
  CHECK(pick(Balance::leastconn, rows) == 1);
}

TEST_CASE("a whole explanation of a choice") {
  std::vector<ServerRow> rows{row("s1", 1, 3, 4), row("s2", 1, 1, 4), row("s3", 1, 4, 4), row("s4"), row("s5"), row("s6"), row("s7", 0)};
  rows[3].up = false;
  rows[4].admin = http::AdminState::drain;
  rows[5].out = true;
  FullWhy why;
  CHECK(balancer::pick_server(Balance::leastconn, rows, "app", why) == 1);
  CHECK(why.text() ==
        "  - s1 has 3 running, weight 1\n"
        "  - s3 has all of its 4 places taken\n"
        "  - s4 is down\n"
        "  - s5 is draining\n"
        "  - s6 refused a connection and has not passed a check since\n"
        "  - s7 has weight 0\n"
        "  = s2 has the fewest requests for its weight (1 running, weight 1) (leastconn:s2)\n");
}

TEST_CASE("full is not unavailable") {
  LastReason why;
  CHECK(balancer::pick_server(Balance::roundrobin, std::vector{row("a", 1, 1, 1)}, "app", why) == http::no_row);
  CHECK(why.last().is(reason::must_wait));
  auto rows = std::vector{row("a")};
  rows[0].up = false;
  CHECK(balancer::pick_server(Balance::roundrobin, rows, "app", why) == http::no_row);
  CHECK(why.last().is(reason::none_available));
  CHECK(why.last().row->status == 503);
}

TEST_CASE("both recorders see the same decision") {
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    std::vector<ServerRow> rows;
    for (unsigned n = random() % 5; n > 0; --n) {
      rows.push_back(row("s", random() % 3, random() % 4, random() % 4));
      rows.back().up = random() % 4 != 0;
      rows.back().out = random() % 6 == 0;
      rows.back().admin = static_cast<http::AdminState>(random() % 3);
      rows.back().current = static_cast<int>(random() % 5) - 2;
    }
    const auto balance = random() % 2 ? Balance::leastconn : Balance::roundrobin;
    LastReason quick;
    FullWhy full;
    const std::size_t a = balancer::pick_server(balance, rows, "b", quick), b = balancer::pick_server(balance, rows, "b", full);
    REQUIRE(a == b);
    REQUIRE(quick.last().row == full.last());
    if (a != http::no_row) REQUIRE((rows[a].in_choice() && rows[a].free()));
  }
}

TEST_CASE("what may be asked again") {
  const RetryRules rules;
  LastReason why;
  const auto may = [&](FailedAttempt attempt) { return balancer::may_retry(rules, attempt, why); };
  using http::Method;
  // Nothing was sent: whatever it is.
  CHECK(may({.failure = Failure::connect, .method = Method::post, .has_body = true, .connects = 1}));
  CHECK(may({.failure = Failure::connect, .method = Method::get, .retries = 2, .connects = 3}));
  CHECK_FALSE(may({.failure = Failure::connect, .method = Method::get, .connects = 4}));
  CHECK(may({.failure = Failure::empty, .method = Method::get, .bytes_sent = true, .retries = 1}));
  CHECK(why.last().is(reason::retry_empty));
  CHECK_FALSE(may({.failure = Failure::empty, .method = Method::get, .bytes_sent = true, .retries = 2}));
  CHECK(why.last().is(reason::retry_count));
  CHECK_FALSE(may({.failure = Failure::empty, .method = Method::post, .bytes_sent = true}));
  CHECK(why.last().is(reason::retry_method));
  CHECK_FALSE(may({.failure = Failure::empty, .method = Method::get, .has_body = true, .bytes_sent = true}));
  CHECK_FALSE(may({.failure = Failure::empty, .method = Method::get, .bytes_sent = true, .began_answer = true}));
  CHECK(why.last().is(reason::retry_begun));
  CHECK_FALSE(may({.failure = Failure::timeout, .method = Method::get, .bytes_sent = true}));
  CHECK(why.last().is(reason::retry_kind));
  LastReason other;
  CHECK_FALSE(balancer::may_retry(RetryRules{.empty_response = false}, {.failure = Failure::empty, .bytes_sent = true}, other));
  CHECK(other.last().is(reason::retry_off));
}

TEST_CASE("health: rise and fall, with HAProxy's words") {
  const HealthRules rules{.rise = 2, .fall = 3};
  Health h{.state = Health::State::starting};
  std::string words;
  const auto see = [&](HealthEvent event, balancer::HealthView view = {}) {
    LastReason why;
    h = balancer::health_after(h, rules, event, view, why);
    (words += balancer::health_word(h, rules)) += ", ";
    return why.last().row;
  };
  CHECK_FALSE(h.up());  // not before its first good check
  CHECK(see(HealthEvent::failed) == &reason::still_down);
  see(HealthEvent::passed);
  see(HealthEvent::failed);  // counts from the start
  see(HealthEvent::passed);
  CHECK(see(HealthEvent::passed) == &reason::risen);
  see(HealthEvent::failed);
  see(HealthEvent::timed_out);
  CHECK(see(HealthEvent::passed) == &reason::steady);
  see(HealthEvent::failed);
  see(HealthEvent::failed);
  CHECK(see(HealthEvent::failed) == &reason::fallen);
  CHECK(words == "DOWN, DOWN 1/2, DOWN, DOWN 1/2, UP, UP 2/3, UP 1/3, UP, UP 2/3, UP 1/3, DOWN, ");
}

TEST_CASE("health: one good check suffices at the start") {
  LastReason why;
  const Health h = balancer::health_after({.state = Health::State::starting}, {}, HealthEvent::passed, {}, why);
  CHECK(h.up());
  CHECK(why.last().is(reason::first_check));
}

TEST_CASE("health: a check that could not be made for want of our own descriptors counts neither way") {
  LastReason why;
  for (const Health& before : {Health{.state = Health::State::up, .bad = 2}, Health{.state = Health::State::down, .good = 1}}) {
    CHECK(balancer::health_after(before, {}, HealthEvent::no_resources, {}, why) == before);
    CHECK(why.last().is(reason::check_impossible));
  }
}

TEST_CASE("health: a time-out while every place is taken counts neither way") {
  const HealthRules rules;
  LastReason why;
  const Health up{.state = Health::State::up, .bad = 2};
  CHECK(balancer::health_after(up, rules, HealthEvent::timed_out, {.used = 4, .limit = 4}, why) == up);
  CHECK(why.last().is(reason::check_undecided));
  CHECK_FALSE(balancer::health_after(up, rules, HealthEvent::timed_out, {.used = 3, .limit = 4}, why).up());
  CHECK_FALSE(balancer::health_after(up, rules, HealthEvent::timed_out, {.used = 4, .limit = 0}, why).up());
  // A refused check is no time-out.
  CHECK_FALSE(balancer::health_after(up, rules, HealthEvent::failed, {.used = 4, .limit = 4}, why).up());
}

TEST_CASE("health: checks hurry while in doubt") {
  const HealthRules rules{.interval_up = std::chrono::seconds(5), .interval_down = std::chrono::seconds(2), .interval_change = std::chrono::seconds(1)};
  CHECK(balancer::next_check({.state = Health::State::up}, rules) == std::chrono::seconds(5));
  CHECK(balancer::next_check({.state = Health::State::down}, rules) == std::chrono::seconds(2));
  CHECK(balancer::next_check({.state = Health::State::down, .good = 1}, rules) == std::chrono::seconds(1));
  CHECK(balancer::next_check({.state = Health::State::up, .bad = 1}, rules) == std::chrono::seconds(1));
  LastReason why;
  const Health doubted = balancer::health_after({.state = Health::State::up}, rules, HealthEvent::connect_failed, {}, why);
  CHECK(doubted.up());
  CHECK(balancer::next_check(doubted, rules) == std::chrono::seconds(1));
}

TEST_CASE("sticky: the cookie names a server, or nobody") {
  const balancer::CookieRules rules{.name = "serverid"};
  std::vector<ServerRow> rows{row("s1"), row("s2"), row("s3")};
  rows[1].admin = http::AdminState::drain;
  rows[2].up = false;
  const auto named = [&](std::string_view line) {
    http::RequestHead head;
    head.add("Cookie", line);
    FullWhy why;
    return balancer::sticky_row(rules, http::cookie_value(head, rules.name), rows, why);
  };
  CHECK(named("a=b; serverid=s1") == 0);
  CHECK(named("serverid=s2") == 1);  // draining: those who name it
  CHECK(named("serverid=s3") == http::no_row);
  CHECK(named("serverid=s9; serverid=s1") == http::no_row);  // the first counts
  CHECK(named("xserverid=s1; serverid2=s1") == http::no_row);
}

TEST_CASE("sticky: only into answers that no shared cache may store") {
  const auto inserts = [](std::string_view field, std::string_view value, std::size_t named = http::no_row, bool condition = true,
                          balancer::InsertOn on = balancer::InsertOn::uncacheable) {
    http::ResponseHead head(200);
    if (!field.empty()) head.add(field, value);
    LastReason why;
    return balancer::insert_cookie({.name = "serverid", .insert_on = on}, head, named, 1, condition, why);
  };
  CHECK(inserts("Cache-Control", "private"));
  CHECK(inserts("Cache-Control", "max-age=0, No-Store"));
  CHECK(inserts("Set-Cookie", "a=b"));
  CHECK_FALSE(inserts("", ""));
  CHECK_FALSE(inserts("Cache-Control", "no-cache, max-age=0"));
  CHECK_FALSE(inserts("Cache-Control", "private=\"Set-Cookie\""));
  CHECK(inserts("", "", http::no_row, true, balancer::InsertOn::always));
  CHECK_FALSE(inserts("Cache-Control", "private", 1));        // has it
  CHECK(inserts("Cache-Control", "private", 0));              // another server answered
  CHECK_FALSE(inserts("Cache-Control", "private", http::no_row, false));
  CHECK(balancer::cookie_text({.name = "serverid", .secure = true}, "s1") == "serverid=s1; Path=/; HttpOnly; Secure");
  CHECK(balancer::without_cookie("a=b; serverid=s1; c=\"d\"", "serverid") == "a=b; c=\"d\"");
  CHECK(balancer::without_cookie("serverid=s1", "serverid").empty());
  CHECK(balancer::without_cookie("serverid=s1;x", "serverid") == "x");
}
