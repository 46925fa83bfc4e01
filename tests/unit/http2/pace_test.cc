// SPDX-License-Identifier: BSD-2-Clause
// Streams that move too little, told from those that wait for their turn on a slow link.
#include <catch2/catch.hpp>

#include "h2_client.h"
#include "net/memory_budget.h"

using namespace http2_test;
using namespace std::chrono_literals;
using Names = std::vector<std::string>;
using engine_test::Bench;

namespace {

std::string large(std::size_t size) { return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" + std::string(size, 'y'); }

void trickle(Bench& b, Client& client, const std::vector<std::int32_t>& ids, std::size_t bytes, base::Duration time) {
  for (base::Duration passed{}; passed < time; passed += 5s) {
    for (const auto id : ids) client.more(id, std::string(bytes, 'x'), false);
    for (auto& server : b.servers) server->take();
    b.pass(5s);
  }
  client.exchange();
}

}  // namespace

TEST_CASE("a stream's body that trickles in is given up with 408, others go on") {
  Bench b;
  Client client(b);
  const auto slow = client.request(Client::post("/slow"), "a", false);
  SECTION("alone") {
    trickle(b, client, {slow}, 1000, 80s);
    CHECK(client.answer(slow).status == "408");
    CHECK(b.proxy.notices == Names{"slow-body"});
  }
  SECTION("at its minimum") {
    trickle(b, client, {slow}, 1300, 600s);
    CHECK(client.answer(slow).status.empty());
    CHECK(b.proxy.notices.empty());
  }
  SECTION("many that share a slow link") {
    std::vector<std::int32_t> ids{slow};
    for (int i = 0; i < 9; ++i) ids.push_back(client.request(Client::post("/shared"), "a", false));
    trickle(b, client, ids, 200, 600s);  // 40 bytes a second each
    CHECK(b.proxy.notices.empty());
  }
}

TEST_CASE("a reader whose stream stays closed is reset, others go on") {
  Bench b;
  Client client(b, false);
  const auto id = client.request(Client::get("/big"));
  b.servers[0]->send(large(500'000));
  client.exchange();
  const auto open = [&](std::int32_t bytes, base::Duration time) {
    for (base::Duration passed{}; passed < time && b.proxy.notices.empty(); passed += 5s) {
      if (bytes > 0) client.open(id, bytes);
      b.pass(5s);
    }
    client.exchange();
  };
  SECTION("opened by a few bytes") {
    open(200, 140s);
    CHECK(b.proxy.notices == Names{"slow-reader"});
    CHECK(client.answer(id).reset == NGHTTP2_CANCEL);
    CHECK_FALSE(client.ended());
    const auto other = client.request(Client::get("/other"));
    b.servers.back()->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    client.exchange();
    CHECK(client.answer(other).status == "200");
  }
  SECTION("not at all") {
    open(0, 140s);
    CHECK(b.proxy.notices == Names{"write-timeout"});
    CHECK(client.answer(id).reset == NGHTTP2_CANCEL);
  }
}

TEST_CASE("streams that wait for their turn on a slow link are not slow themselves") {
  Bench b({}, 1000);
  Client client(b);
  client.widen();
  for (int i = 0; i < 40; ++i) client.request(Client::get("/big"));
  for (auto& server : b.servers) server->send(large(60'000));
  client.hold_back();
  b.settle();
  std::string got;
  for (int i = 0; i < 400; ++i) {  // 500 bytes a second: a turn of all streams takes longer than the write timeout
    got += client.wire().take();
    b.pass(2s);
  }
  CHECK(b.proxy.notices.empty());
  CHECK(got.size() > 300'000);
  for (int i = 0; i < 20 && b.proxy.notices.empty(); ++i) {  // 100 bytes a second
    client.wire().take();
    b.pass(10s);
  }
  CHECK(b.proxy.notices == Names{"slow-reader"});
  CHECK(client.wire().ended());
}

TEST_CASE("a stream that stays closed is not judged while the link is full") {
  Bench b({}, 1000);
  Client client(b, false);
  const auto closed = client.request(Client::get("/closed"));
  const auto slow = client.request(Client::get("/slow"));
  b.servers[0]->send(large(500'000));
  client.exchange();
  REQUIRE(client.answer(closed).body.size() > 65'000);
  b.servers[1]->send(large(500'000));
  client.hold_back();
  client.open(slow, 1 << 20);
  for (int i = 0; i < 100; ++i) {  // 500 bytes a second
    client.wire().take();
    b.pass(2s);
  }
  CHECK(b.proxy.notices.empty());
}

TEST_CASE("a body that another one's unread bytes keep waiting is not slow") {
  Bench b;
  b.endpoint->options.write = 1h;
  Client client(b);
  for (int i = 0; i < 2; ++i) client.request(Client::post("/unread", {{"content-length", "900000"}}), std::string(400'000, 'x'), false);
  const auto waiting = client.request(Client::post("/waiting"), "a", false);
  for (int i = 0; i < 30; ++i) b.pass(10s);
  CHECK(b.proxy.notices.empty());
  for (int i = 0; i < 20; ++i) {
    for (auto& server : b.servers) server->take();
    client.exchange();
  }
  for (int i = 0; i < 20 && b.proxy.notices.empty(); ++i) b.pass(10s);
  client.exchange();
  CHECK(client.answer(waiting).status == "408");
}

TEST_CASE("memory is short: streams that stay closed are given up, others go on") {
  Bench b;
  Client client(b, false);
  const auto id = client.request(Client::get("/big"));
  b.servers[0]->send(large(500'000));
  client.exchange();
  const auto waiting = client.request(Client::get("/later"));
  b.pass(1s);
  CHECK(b.connections.shed(SIZE_MAX, 2s) == 0);
  b.pass(2s);
  CHECK(b.connections.shed(SIZE_MAX, 2s) == 1);
  client.exchange();
  CHECK(client.answer(id).reset == NGHTTP2_CANCEL);
  CHECK(b.proxy.notices == Names{"reader-given-up"});
  b.servers[1]->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  client.exchange();
  CHECK(client.answer(waiting).status == "200");
  CHECK(b.connections.shed(SIZE_MAX, 0s) == 0);
}

TEST_CASE("memory is short: little is held for a connection that takes nothing") {
  net::MemoryBudget budget(64 << 20);
  net::MemoryBudget::use_on_this_thread(&budget);
  {
    Bench b({}, 1000);
    net::MemoryBudget::count(24 << 20);
    Client client(b);
    client.widen();
    client.request(Client::get("/big"));
    client.hold_back();
    const std::string all = large(500'000);
    b.servers[0]->send(all);
    b.settle();
    CHECK(all.size() - b.servers[0]->unsent() < 20'000);
  }
  net::MemoryBudget::use_on_this_thread(nullptr);
}

TEST_CASE("memory is short: a connection that takes nothing is given up") {
  Bench b({}, 1000);
  Client client(b);
  client.widen();
  client.request(Client::get("/big"));
  b.servers[0]->send(large(500'000));
  client.hold_back();
  b.settle();
  b.pass(3s);
  CHECK(b.connections.shed(SIZE_MAX, 2s) == 1);
  b.settle();
  CHECK(b.proxy.ends == Names{"client-left"});
  CHECK(b.connections.count() == 0);
}
