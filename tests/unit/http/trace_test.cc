// SPDX-License-Identifier: BSD-2-Clause
// What rings keep of exchanges, seen through whole connections.
#include <catch2/catch.hpp>

#include "http/trace.h"

#include "engine_harness.h"

using http::TraceRings;
using Which = http::TraceRings::Which;

namespace {

struct Traced {
  engine_test::Bench bench;
  TraceRings rings;
  Traced() { TraceRings::use_on_this_thread(&rings); }
  ~Traced() { TraceRings::use_on_this_thread(nullptr); }

  // One request on a connection of its own, answered as said after `time`.
  void ask(const std::string& request, const std::string& answer, base::Duration time = {}) {
    auto client = bench.client();
    client->send(request);
    bench.settle();
    bench.clock.advance(time);
    if (!answer.empty()) {
      bench.servers.back()->send(answer);
      bench.settle();
    } else {
      client->close();
      bench.settle();
    }
    bench.servers.clear();
    bench.settle();
  }
};

const std::string well = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

}  // namespace

TEST_CASE("an exchange that ended is remembered whole") {
  Traced traced;
  traced.ask("GET /a?b HTTP/1.1\r\nHost: www.example\r\nX-Request-ID: 0123abcd\r\n\r\n", well, std::chrono::milliseconds(40));
  const auto list = traced.rings.list(Which::recent, 10);
  REQUIRE(list.size() == 1);
  const http::TraceRecord& record = list[0];
  CHECK(record.method.view() == "GET");
  CHECK(record.host.view() == "www.example");
  CHECK(record.target.view() == "/a?b");
  CHECK(record.id.view() == "0123abcd");
  CHECK(record.status == 200);
  CHECK(record.request == 1);
  CHECK(record.bytes > 40);
  CHECK(record.total == std::chrono::milliseconds(40));
  CHECK(record.end_reason().code() == "finished");
  CHECK_FALSE(record.failed());
  CHECK_FALSE(record.slow());
  CHECK(traced.rings.find("0123abcd").size() == 1);
  CHECK(traced.rings.find(record.name()).size() == 1);
  CHECK(traced.rings.find("0123abc").empty());
}

TEST_CASE("slow and failed exchanges outlive many others") {
  Traced traced;
  traced.ask("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n", well, std::chrono::seconds(2));
  traced.ask("GET /failed HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
  traced.ask("GET /cut HTTP/1.1\r\nHost: a\r\n\r\n", "");
  for (std::size_t i = 0; i < TraceRings::recent_size + 10; ++i) traced.ask("GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n", well);
  const auto recent = traced.rings.list(Which::recent, 10'000);
  REQUIRE(recent.size() == TraceRings::recent_size);
  CHECK(recent.front().target.view() == "/" + std::to_string(TraceRings::recent_size + 9));
  CHECK(recent.back().target.view() == "/10");
  REQUIRE(traced.rings.list(Which::slow, 10).size() == 1);
  const auto slow = traced.rings.list(Which::slow, 10)[0];
  CHECK(slow.target.view() == "/slow");
  CHECK(traced.rings.find(slow.name()).size() == 1);
  const auto failed = traced.rings.list(Which::failed, 10);
  REQUIRE(failed.size() == 2);
  CHECK(failed[0].target.view() == "/cut");
  CHECK(failed[0].end_reason().code() == "empty-response");
  CHECK(failed[1].status == 503);
  CHECK(traced.rings.list(Which::failed, 1).size() == 1);
}

TEST_CASE("long texts are cut, and requests of one connection are told apart") {
  Traced traced;
  auto client = traced.bench.client();
  for (int i = 0; i < 2; ++i) {
    client->send("GET /" + std::string(1000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n");
    traced.bench.settle();
    traced.bench.servers.back()->send(well);
    traced.bench.settle();
  }
  const auto list = traced.rings.list(Which::recent, 10);
  REQUIRE(list.size() == 2);
  CHECK(list[0].target.view().size() == 200);
  CHECK(list[0].connection == list[1].connection);
  CHECK(list[0].request == 2);
  CHECK(list[1].request == 1);
}

TEST_CASE("without rings nothing is remembered") {
  engine_test::Bench bench;
  auto client = bench.client();
  client->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  bench.settle();
  bench.servers.back()->send(well);
  bench.settle();
  CHECK(client->received().ends_with("hi"));
}
