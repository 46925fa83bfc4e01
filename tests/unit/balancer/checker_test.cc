// SPDX-License-Identifier: BSD-2-Clause
// Checks over memory with a simulated clock: when they come, what they make of a server.
#include "balancer/checker.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "../http/engine_harness.h"
#include "balancer/check_task.h"
#include "balancer/show_stat.h"
#include "plan_bench.h"

namespace {

using engine_test::Wire;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::string configuration(const std::string& check) {
  return "[[frontend]]\nbind = \"127.0.0.1:8080\"\ndefault_backend = \"app\"\n[[backend]]\nname = \"app\"\n" + check +
         "[[backend.server]]\nname = \"s1\"\naddress = \"127.0.0.1:8081\"\nmaxconn = 1\n";
}

const std::string usual =
    "[backend.check]\nrequest = { uri = \"/ok\", host = \"www\" }\nexpect = { status = [\"200\", \"300-302\"] }\n"
    "interval = { up = \"5s\", down = \"2s\", change = \"1s\" }\ntimeout = \"500ms\"\nrise = 2\nfall = 2\n";

struct Bench {
  explicit Bench(const std::string& text)
      : loop(clock), log({.level = observe::Level::emerg}), staff([this] { return clock.now(); }),
        checker(loop, log, [this](net::EventLoop&, const net::Address&) { return connect(); }) {
    staff.roster.set_checker(&checker);
    serve(text);
  }
  ~Bench() { staff.roster.set_checker(nullptr); }
  void serve(const std::string& text) {
    staff.commit(staff.compile(balancer_test::read(text)));
    loop.drain();
  }
  base::Result<std::unique_ptr<net::Transport>> connect() {
    ++attempts;
    if (refusing) return std::unexpected(base::Error{{&http::reasons::upstream_connect_refused, 0, 0, {}}, base::Side::upstream, true, ECONNREFUSED});
    auto pair = net::make_memory_pair(loop);
    checks.push_back(std::make_unique<Wire>(loop, std::move(pair.a)));
    return std::move(pair.b);
  }
  void answer(const std::string& status) {
    checks.back()->send("HTTP/1.1 " + status + " X\r\nContent-Length: 0\r\n\r\n");
    loop.drain();
  }
  void pass(base::Duration time) {
    clock.advance(time);
    loop.turn(false);
    loop.drain();
  }
  std::string status() {
    const auto rows = balancer::stat_rows(*staff.roster.plan(), clock.now());
    return rows[1].get("status") + " " + rows[1].get("check_status");
  }
  http::Admission& book() { return staff.roster.plan()->backends[0]->state->book; }
  bool up() { return book().copy_rows()[0].in_choice(); }

  base::FakeClock clock;
  net::EventLoop loop;
  observe::ErrorLog log;
  balancer_test::Bench staff;
  std::vector<std::unique_ptr<Wire>> checks;
  bool refusing = false;
  int attempts = 0;
  balancer::Checker checker;
};

}  // namespace

TEST_CASE("no server is used before its first good check") {
  Bench bench(configuration(usual));
  REQUIRE(bench.checks.size() == 1);  // at once
  CHECK(bench.checks[0]->received() == "GET /ok HTTP/1.1\r\nHost: www\r\nUser-Agent: balancer-check\r\n\r\n");
  CHECK_FALSE(bench.up());
  CHECK(bench.status() == "DOWN * INI");
  SECTION("good") {
    bench.answer("200");
    CHECK(bench.up());
    CHECK(bench.status() == "UP L7OK");
    bench.pass(milliseconds(4999));
    CHECK(bench.checks.size() == 1);
    bench.pass(milliseconds(1));
    CHECK(bench.checks.size() == 2);
  }
  SECTION("another good status") {
    bench.answer("301");
    CHECK(bench.up());
  }
  SECTION("bad") {
    bench.answer("204");
    CHECK_FALSE(bench.up());
    CHECK(bench.status() == "DOWN L7STS");
    bench.pass(milliseconds(2000));
    CHECK(bench.checks.size() == 2);
    bench.answer("200");
    CHECK(bench.status() == "DOWN 1/2 L7OK");
    bench.pass(milliseconds(1000));  // half-way: interval.change
    bench.answer("200");
    CHECK(bench.up());
  }
  SECTION("it listens but does not answer") {
    bench.pass(milliseconds(500));
    CHECK_FALSE(bench.up());
    CHECK(bench.status() == "DOWN L7TOUT");
  }
  SECTION("what it answers is not HTTP") {
    bench.checks[0]->send("220 smtp\r\n\r\n");
    bench.loop.drain();
    CHECK(bench.status() == "DOWN L7RSP");
  }
}

TEST_CASE("a time-out while every place is taken does not take a server down") {
  Bench bench(configuration(usual));
  bench.answer("200");
  http::LoopDesk desk(bench.loop);
  auto ticket = std::make_unique<http::Ticket>(desk, nullptr);
  REQUIRE(bench.book().enter(*ticket, {}, bench.clock.now()) == http::Admission::Entry::granted);
  for (int i = 0; i < 5; ++i) {
    bench.pass(seconds(5));
    bench.pass(milliseconds(500));
  }
  CHECK(bench.up());
  CHECK(bench.status() == "UP L7TOUT");
  ticket.reset();
  bench.pass(seconds(5));
  bench.pass(milliseconds(500));
  CHECK(bench.status() == "UP 1/2 L7TOUT");
  bench.pass(seconds(1));
  bench.pass(milliseconds(500));
  CHECK(bench.status() == "DOWN L7TOUT");
}

TEST_CASE("a refused connection makes checks hurry, a good one brings the server back") {
  Bench bench(configuration(usual));
  bench.answer("200");
  bench.book().take_out(0, bench.clock.now());
  bench.loop.drain();
  CHECK_FALSE(bench.up());
  CHECK(bench.status() == "NOLB L7OK");
  bench.pass(milliseconds(999));
  CHECK(bench.checks.size() == 1);
  bench.pass(milliseconds(1));
  REQUIRE(bench.checks.size() == 2);
  SECTION("it is well") {
    bench.answer("200");
    CHECK(bench.up());
    bench.pass(seconds(4));
    CHECK(bench.checks.size() == 2);  // unhurried again
  }
  SECTION("it refuses again") {
    bench.refusing = true;
    bench.answer("500");
    bench.pass(seconds(1));
    CHECK(bench.attempts == 3);
    CHECK(bench.status() == "DOWN L4CON");
  }
}

TEST_CASE("a TCP check only connects") {
  Bench bench(configuration("check = { type = \"tcp\" }\n"));
  CHECK(bench.up());
  CHECK(bench.status() == "UP L4OK");
  bench.refusing = true;
  for (int i = 0; i < 3; ++i) bench.pass(seconds(2));
  CHECK(bench.status() == "DOWN L4CON");
}

TEST_CASE("a server without checks is up, and tried again a second after it refused") {
  Bench bench(configuration("check = false\n"));
  CHECK(bench.attempts == 0);
  CHECK(bench.up());
  bench.book().take_out(0, bench.clock.now());
  bench.loop.drain();
  CHECK_FALSE(bench.up());
  bench.pass(milliseconds(1001));
  CHECK(bench.up());
}
