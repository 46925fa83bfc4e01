// SPDX-License-Identifier: BSD-2-Clause
// Bounds of the engine that are reached at the server's side, in tunnels and by HTTP/1.0 (deploy/docs/limits.md names them).
#include <catch2/catch.hpp>

#include "engine_harness.h"

using engine_test::Bench;
using namespace std::chrono_literals;

namespace {

const std::string get = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace

TEST_CASE("a tunnel without a byte is closed") {
  Bench b;
  auto client = b.client();
  client->send("GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  b.settle();
  b.servers[0]->send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  b.settle();
  b.pass(59min);
  client->send("still here");
  b.settle();
  b.pass(59min);
  CHECK_FALSE(client->ended());
  b.pass(2min);
  CHECK(client->ended());
  REQUIRE_FALSE(b.proxy.notices.empty());
  CHECK(b.proxy.notices.front() == "tunnel-timeout");
}

TEST_CASE("more interim answers than anybody needs") {
  Bench b;
  auto client = b.client();
  client->send(get);
  b.settle();
  for (int i = 0; i < 16; ++i) b.servers[0]->send("HTTP/1.1 103 Early Hints\r\n\r\n");
  b.settle();
  CHECK(b.proxy.ends.empty());
  b.servers[0]->send("HTTP/1.1 103 Early Hints\r\n\r\n");
  b.settle();
  CHECK(contains(client->take(), "HTTP/1.1 502"));
  CHECK(b.proxy.ends == std::vector<std::string>{"interim-flood"});
  CHECK(b.servers[0]->ended());
}

TEST_CASE("an answer of unknown length for HTTP/1.0 is collected up to a bound") {
  http::ServerOptions options;
  options.collect_http10 = 100 * 1024;
  Bench b(options, 1 << 20);
  auto client = b.client();
  client->send("GET /a HTTP/1.0\r\nHost: x\r\n\r\n");
  b.settle();
  b.servers[0]->send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + std::string(100 * 1024, 'a'));
  b.settle();
  CHECK(client->received().empty());
  b.servers[0]->send("a");
  b.settle();
  CHECK(contains(client->received(), "HTTP/1.1 200"));
  CHECK_FALSE(contains(client->received(), "Content-Length"));
  b.servers[0]->close();
  b.settle();
  CHECK(client->ended());
  CHECK(client->received().ends_with(std::string(100 * 1024 + 1, 'a')));
}

TEST_CASE("a server that takes nothing of a request") {
  Bench b;
  auto client = b.client();
  client->send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
  b.settle();
  b.servers[0]->pause();
  client->send(std::string(1000000, 'a'));
  b.settle();
  b.pass(59s);
  CHECK(b.proxy.ends.empty());
  b.pass(2s);
  CHECK(contains(client->take(), "HTTP/1.1 504"));
  CHECK(b.proxy.ends == std::vector<std::string>{"upstream-write-timeout"});
}

TEST_CASE("an answer is awaited for a client that left, but not for ever") {
  Bench b;
  auto client = b.client();
  client->send(get);
  b.settle();
  b.connections.close_all();
  b.settle();
  CHECK(b.proxy.ends == std::vector<std::string>{"client-left"});
  b.pass(299s);
  CHECK(b.proxy.slots == 1);
  b.pass(2s);
  CHECK(b.proxy.slots == 0);
  CHECK(b.servers[0]->ended());
}

TEST_CASE("so many idle connections to a server are kept, and so long") {
  Bench b;
  b.endpoint->keepalive = 1;
  auto first = b.client(), second = b.client();
  first->send(get);
  second->send(get);
  b.settle();
  REQUIRE(b.servers.size() == 2);
  for (auto& server : b.servers) server->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  b.settle();
  CHECK(b.pool.idle() == 2);
  // Where there are more the next ones are not opened anew, while they come.
  for (int i = 0; i < 3; ++i) {
    b.pass(900ms);
    first->send(get);
    second->send(get);
    b.settle();
    CHECK(b.pool.active() == 2);
    for (auto& server : b.servers) server->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    b.settle();
  }
  CHECK(b.servers.size() == 2);
  b.pass(900ms);
  CHECK(b.pool.idle() == 2);
  b.pass(200ms);
  CHECK(b.pool.idle() == 1);
  CHECK(b.pool.active() == 0);
  b.pass(57s);
  CHECK(b.pool.idle() == 1);
  b.pass(2s);
  CHECK(b.pool.idle() == 0);
}

TEST_CASE("where none are kept, each connection is closed after its answer") {
  Bench b;
  b.endpoint->keepalive = 0;
  auto client = b.client();
  client->send(get);
  b.settle();
  REQUIRE(b.servers.size() == 1);
  b.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  b.settle();
  CHECK(b.pool.idle() == 0);
  CHECK(b.servers[0]->ended());
}
