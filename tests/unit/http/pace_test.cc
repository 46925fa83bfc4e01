// SPDX-License-Identifier: BSD-2-Clause
// Clients that move something, but too little: bodies that trickle in, answers that are sipped. And those that must not be cut.
#include <catch2/catch.hpp>

#include "engine_harness.h"

using engine_test::Bench;
using engine_test::Wire;
using namespace std::chrono_literals;
using Names = std::vector<std::string>;

namespace {

const std::string get = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
const std::string post = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n";

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// Sends so many bytes every five seconds.
void trickle(Bench& b, Wire& client, std::size_t bytes, base::Duration time) {
  for (base::Duration passed{}; passed < time; passed += 5s) {
    client.send(std::string(bytes, 'x'));
    b.settle();
    if (!b.servers.empty()) b.servers[0]->take();
    b.pass(5s);
  }
}

// Takes what fits between the two, so often.
std::size_t sip(Bench& b, Wire& client, base::Duration every, base::Duration time) {
  std::size_t taken = 0;
  for (base::Duration passed{}; passed < time && !client.ended(); passed += every) {
    taken += client.take().size();
    b.pass(every);
  }
  return taken;
}

}  // namespace

TEST_CASE("a body that trickles in is given up with 408") {
  Bench b;
  auto client = b.client();
  client->send(post);
  b.settle();
  trickle(b, *client, 1200, 55s);  // 240 bytes a second
  CHECK(b.proxy.notices.empty());
  trickle(b, *client, 1200, 5s);
  CHECK(contains(client->take(), "HTTP/1.1 408"));
  CHECK(b.proxy.notices == Names{"slow-body"});
  CHECK(b.proxy.ends == Names{"slow-body"});
}

TEST_CASE("a slow body that moves its minimum is served") {
  Bench b;
  auto client = b.client();
  client->send(post);
  b.settle();
  trickle(b, *client, 1300, 600s);  // 260 bytes a second
  CHECK(b.proxy.notices.empty());
  CHECK_FALSE(client->ended());
  // Fast for a while and then a trickle: the window that has only the trickle ends it.
  client->send(std::string(200'000, 'x'));
  b.settle();
  b.servers[0]->take();
  trickle(b, *client, 1, 125s);
  CHECK(b.proxy.notices == Names{"slow-body"});
}

TEST_CASE("a body that we do not read is not slow") {
  Bench b({}, 4096);
  b.endpoint->options.write = 1h;
  auto client = b.client();
  client->send(post);
  client->send(std::string(500'000, 'x'));
  b.settle();
  b.servers[0]->pause();
  for (int i = 0; i < 30; ++i) b.pass(9s);
  CHECK(b.proxy.notices.empty());
  CHECK(client->unsent() > 0);
}

TEST_CASE("a client that could not send while we did not read has its whole time again") {
  std::size_t taken = 0;  // without the server, but for what lies between it and the client
  {
    Bench b;
    auto client = b.client();
    client->send(post + std::string(900'000, 'x'));
    b.settle();
    taken = post.size() + 900'000 - client->unsent() - 64 * 1024;
  }
  Bench b;
  b.endpoint->options.write = 1h;
  auto client = b.client();
  client->send((post + std::string(900'000, 'x')).substr(0, taken));
  b.settle();
  for (int i = 0; i < 5; ++i) b.pass(59s);
  for (int i = 0; i < 10; ++i) {
    b.servers[0]->take();
    b.settle();
  }
  b.pass(50s);
  CHECK(b.proxy.notices.empty());
  b.pass(11s);
  CHECK(b.proxy.notices == Names{"body-timeout"});
}

TEST_CASE("the time of a body begins when the client was told to send it") {
  Bench b;
  auto client = b.client();
  client->send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n");
  b.settle();
  b.pass(200s);
  CHECK(b.proxy.notices.empty());
  SECTION("told") { b.servers[0]->send("HTTP/1.1 100 Continue\r\n\r\n"); }
  SECTION("it does not wait for that") { client->send("x"); }
  b.settle();
  trickle(b, *client, 1300, 180s);
  CHECK(b.proxy.notices.empty());
  trickle(b, *client, 1, 130s);
  CHECK(b.proxy.notices == Names{"slow-body"});
}

TEST_CASE("an answer that is only sipped is reset") {
  Bench b({}, 1000);
  auto client = b.client();
  client->send(get);
  b.settle();
  b.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + std::string(300'000, 'y'));
  b.settle();
  SECTION("200 bytes a second") {
    sip(b, *client, 5s, 200s);
    CHECK(client->ended());
    CHECK(b.proxy.notices == Names{"slow-reader"});
    CHECK(b.proxy.ends == Names{"client-left"});
  }
  SECTION("333 bytes a second") {
    CHECK(sip(b, *client, 3s, 600s) > 190'000);
    CHECK_FALSE(client->ended());
    CHECK(b.proxy.notices.empty());
  }
  SECTION("nothing for less than a minute, again and again") {
    for (int i = 0; i < 5; ++i) {
      for (int k = 0; k < 30; ++k) {
        client->take();
        b.settle();
      }
      b.pass(58s);
    }
    CHECK_FALSE(client->ended());
    CHECK(b.proxy.notices.empty());
  }
}

TEST_CASE("an answer that its server sends slowly is not its reader's fault") {
  Bench b;
  auto client = b.client();
  client->send(get);
  b.settle();
  b.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n");
  for (int i = 0; i < 30; ++i) {
    b.servers[0]->send("ten bytes.");
    b.settle();
    client->take();
    b.pass(30s);
  }
  CHECK(b.proxy.notices.empty());
  CHECK_FALSE(client->ended());
}

TEST_CASE("a tunnel may be as slow as it likes") {
  Bench b({}, 1000);
  auto client = b.client();
  client->send("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  b.settle();
  b.servers[0]->send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  b.servers[0]->send(std::string(300'000, 'y'));
  b.settle();
  sip(b, *client, 50s, 1000s);
  CHECK_FALSE(client->ended());
  CHECK(b.proxy.notices.empty());
}

TEST_CASE("without a minimum any byte in time is enough") {
  http::ServerOptions options;
  options.min_body_rate = options.min_write_rate = 0;
  Bench b(options, 1000);
  auto reader = b.client();
  reader->send(get);
  b.settle();
  b.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + std::string(300'000, 'y'));
  sip(b, *reader, 50s, 1000s);
  CHECK_FALSE(reader->ended());
  auto sender = b.client();
  sender->send(post);
  for (int i = 0; i < 20; ++i) {
    sender->send("x");
    b.pass(50s);
    reader->take();
  }
  CHECK_FALSE(sender->ended());
  CHECK(b.proxy.notices.empty());
}
