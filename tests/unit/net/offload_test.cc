// SPDX-License-Identifier: BSD-2-Clause
#include "net/offload.h"

#include <catch2/catch.hpp>

#include <latch>
#include <thread>

#include "net/reasons.h"
#include "net/resolver.h"
#include "support.h"

using net_test::until;

TEST_CASE("jobs run elsewhere, completions here") {
  base::SystemClock clock;
  net::EventLoop loop(clock);
  net::Offload pool({2, 10});
  net::OffloadClient client(pool, loop);
  std::thread::id worked, finished;
  int result = 0;
  bool nothing = false;
  REQUIRE(client.submit([&] { worked = std::this_thread::get_id(); return 42; },
                        [&](int n) { result = n; finished = std::this_thread::get_id(); }));
  REQUIRE(client.submit([] {}, [&] { nothing = true; }));
  REQUIRE(until(loop, [&] { return result != 0 && nothing; }));
  CHECK(result == 42);
  CHECK(worked != std::this_thread::get_id());
  CHECK(finished == std::this_thread::get_id());
  CHECK(client.pending() == 0);
}

TEST_CASE("a full queue refuses, a cancelled job never completes") {
  base::SystemClock clock;
  net::EventLoop loop(clock);
  std::latch release(1), running(1);
  int done = 0;
  bool skipped_ran = false;
  net::Offload pool({1, 1});
  net::OffloadClient client(pool, loop);
  const auto first = client.submit([&] { running.count_down(); release.wait(); }, [&] { ++done; });
  REQUIRE(first);
  running.wait();
  const auto second = client.submit([&] { skipped_ran = true; }, [&] { ++done; });
  REQUIRE(second);
  const auto third = client.submit([] {}, [&] { ++done; });
  REQUIRE_FALSE(third);
  CHECK(third.error().reason.is(net::reasons::offload_full));
  CHECK(pool.refused() == 1);
  client.cancel(*first);
  client.cancel(*second);
  client.cancel(*second);  // stale: nothing
  CHECK(client.pending() == 0);
  release.count_down();
  bool last = false;
  REQUIRE(until(loop, [&] { return client.submit([] {}, [&] { last = true; }).has_value(); }));
  REQUIRE(until(loop, [&] { return last; }));
  CHECK(done == 0);
  CHECK_FALSE(skipped_ran);
}

TEST_CASE("a client that goes takes its completions with it") {
  base::SystemClock clock;
  net::EventLoop loop(clock);
  net::Offload pool({1, 10});
  bool called = false, marker = false;
  {
    net::OffloadClient client(pool, loop);
    REQUIRE(client.submit([] {}, [&] { called = true; }));
  }
  net::OffloadClient other(pool, loop);
  REQUIRE(other.submit([] {}, [&] { marker = true; }));
  REQUIRE(until(loop, [&] { return marker; }));
  CHECK_FALSE(called);
}

TEST_CASE("names are resolved without blocking") {
  base::SystemClock clock;
  net::EventLoop loop(clock);
  net::Offload pool({1, 10});
  net::OffloadClient client(pool, loop);
  base::Result<std::vector<net::Address>> result;
  bool done = false;
  REQUIRE(net::resolve(client, "localhost:8080", [&](auto r) { result = std::move(r); done = true; }));
  REQUIRE(until(loop, [&] { return done; }));
  REQUIRE(result);
  REQUIRE_FALSE(result->empty());
  CHECK(result->front().port() == 8080);
  CHECK(net::resolve_now("127.0.0.1:1").value().front().text() == "127.0.0.1:1");
  CHECK(net::resolve_now("127.0.0.1").error().reason.is(net::reasons::address_syntax));
}
