// SPDX-License-Identifier: BSD-2-Clause
// Memory is short: readers that take nothing give theirs back first.
#include <catch2/catch.hpp>

#include "engine_harness.h"
#include "net/memory_budget.h"

using engine_test::Bench;
using engine_test::Wire;
using namespace std::chrono_literals;
using Names = std::vector<std::string>;

namespace {

// A client whose answer is larger than what is held for it.
std::unique_ptr<Wire> reader(Bench& b) {
  auto client = b.client();
  client->send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  b.settle();
  b.servers.back()->send("HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + std::string(900'000, 'y'));
  b.settle();
  return client;
}

// Blocks of this thread count against it.
struct Short {
  explicit Short(std::size_t limit) : budget(limit) { net::MemoryBudget::use_on_this_thread(&budget); }
  ~Short() { net::MemoryBudget::use_on_this_thread(nullptr); }
  net::MemoryBudget budget;
};

}  // namespace

TEST_CASE("who has taken nothing for the longest is given up first") {
  Bench b;
  const auto first = reader(b);
  b.pass(1s);
  const auto second = reader(b);
  b.pass(1s);
  const auto third = reader(b);
  b.pass(2s);
  first->take();  // has taken something since
  b.settle();
  SECTION("not before its time") { CHECK(b.connections.shed(SIZE_MAX, 5s) == 0); }
  SECTION("as many as are asked for") {
    CHECK(b.connections.shed(1, 1s) == 1);
    b.settle();
    CHECK(second->ended());
    CHECK_FALSE(first->ended());
    CHECK_FALSE(third->ended());
    CHECK(b.proxy.notices == Names{"reader-given-up"});
    CHECK(b.proxy.ends == Names{"client-left"});
  }
  SECTION("all whose time has come") {
    CHECK(b.connections.shed(SIZE_MAX, 1s) == 2);
    b.settle();
    CHECK(third->ended());
    CHECK_FALSE(first->ended());
    CHECK(b.connections.count() == 1);
    CHECK(b.connections.shed(SIZE_MAX, 1s) == 0);
  }
}

TEST_CASE("whose answer has nothing to send is no slow reader") {
  Bench b;
  auto client = b.client();
  client->send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  b.settle();
  b.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\nfirst bytes");
  b.settle();
  b.pass(30s);
  CHECK(b.connections.shed(SIZE_MAX, 2s) == 0);
  CHECK_FALSE(client->ended());
}

TEST_CASE("windows shrink evenly: no reader takes what the next ones need") {
  const Short memory(1 << 20);
  CHECK(memory.budget.window(100'000) == 100'000);
  net::MemoryBudget::count(1 << 18);
  CHECK(memory.budget.window(100'000) == 50'000);
  net::MemoryBudget::count(1 << 17);
  CHECK(memory.budget.window(100'000) < 4096);
  CHECK(memory.budget.window(1000) == 1000);
  CHECK(memory.budget.pressure() == net::MemoryBudget::Pressure::some);
  net::MemoryBudget::count(3 << 17);
  CHECK(memory.budget.pressure() == net::MemoryBudget::Pressure::high);
  net::MemoryBudget::count(-(3 << 18));
}

TEST_CASE("a body of which little may be held is not waited for") {
  const Short memory(1 << 20);
  net::MemoryBudget::count(1 << 19);
  {
    Bench b;
    b.proxy.body_first = 64 * 1024;
    auto client = b.client();
    client->send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x'));
    b.settle();
    REQUIRE(b.servers.size() == 1);
    std::string got;
    for (int i = 0; i < 100 && got.size() < 100'000; ++i) {
      got += b.servers[0]->take();
      b.settle();
    }
    CHECK(got.size() > 100'000);
  }
  net::MemoryBudget::count(-(1 << 19));
}
