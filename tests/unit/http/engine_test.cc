// SPDX-License-Identifier: BSD-2-Clause
// The engine end to end in memory: client connection, exchange, relay, upstream connection, pool.
#include <catch2/catch.hpp>

#include "engine_harness.h"

using engine_test::Bench;
using namespace std::chrono_literals;

namespace {

const std::string get = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string without_date(std::string text) {
  const auto at = text.find("Date: ");
  if (at != std::string::npos) text.erase(at, text.find("\r\n", at) + 2 - at);
  return text;
}

}  // namespace

TEST_CASE("a request goes up, an answer comes down, both connections stay") {
  Bench b;
  auto client = b.client();
  client->send(get);
  b.settle();
  REQUIRE(b.servers.size() == 1);
  CHECK(b.servers[0]->take() == "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  b.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello");
  b.settle();
  const std::string answer = client->take();
  CHECK(contains(answer, "HTTP/1.1 200 OK\r\n"));
  CHECK(contains(answer, "X-A: b\r\n"));
  CHECK(contains(answer, "Content-Length: 5\r\n"));
  CHECK(contains(answer, "\r\n\r\nhello"));
  CHECK(b.proxy.ends == std::vector<std::string>{"finished"});
  CHECK(b.proxy.slots == 0);
  CHECK(b.pool.idle() == 1);

  client->send(get);
  b.settle();
  CHECK(b.servers.size() == 1);  // reused
  CHECK(contains(b.servers[0]->take(), "GET /a"));
  b.servers[0]->send("HTTP/1.1 204 No Content\r\n\r\n");
  b.settle();
  CHECK(without_date(client->take()) == "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST_CASE("pipelined requests are answered in order") {
  Bench b;
  auto client = b.client();
  client->send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  b.settle();
  CHECK(contains(b.servers[0]->received(), "/1"));
  CHECK_FALSE(contains(b.servers[0]->received(), "/2"));
  b.servers[0]->take();
  b.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
  b.settle();
  CHECK(contains(b.servers[0]->take(), "/2"));
  b.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2");
  b.settle();
  const std::string both = client->take();
  CHECK(both.find("\r\n\r\n1") < both.find("\r\n\r\n2"));
}

TEST_CASE("chunked bodies are re-framed, both ways, with trailers") {
  Bench b;
  auto client = b.client();
  client->send("POST / HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n0\r\nX-T: 1\r\n\r\n");
  b.settle();
  const std::string up = b.servers[0]->take();
  CHECK(contains(up, "Transfer-Encoding: chunked\r\n"));
  CHECK(contains(up, "\r\n\r\n3\r\nabc\r\n0\r\n"));
  CHECK_FALSE(contains(up, "ext"));
  b.servers[0]->send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-S: 2\r\n\r\n");
  b.settle();
  CHECK(contains(client->take(), "\r\n\r\n2\r\nhi\r\n0\r\nX-S: 2\r\n\r\n"));
}

TEST_CASE("an answer cut short never looks complete") {
  Bench b;
  auto client = b.client();
  client->send(get);
  b.settle();
  SECTION("length") {
    b.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhel");
    b.settle();
    b.servers[0]->close();
    b.settle();
    CHECK(client->ended());
    CHECK(contains(client->take(), "\r\n\r\nhel"));
  }
  SECTION("chunked") {
    b.servers[0]->send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n");
    b.settle();
    b.servers[0]->close();
    b.settle();
    CHECK(client->ended());
    CHECK_FALSE(contains(client->take(), "0\r\n\r\n"));
  }
  CHECK(b.proxy.ends == std::vector<std::string>{"answer-cut-short"});
}

TEST_CASE("surplus bytes end the upstream connection and reach nobody") {
  Bench b;
  auto client = b.client();
  client->send(get);
  b.settle();
  b.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  b.settle();
  CHECK(contains(client->take(), "\r\n\r\nok"));
  CHECK(b.pool.idle() == 0);
  client->send(get);
  b.settle();
  CHECK(b.servers.size() == 2);
  CHECK_FALSE(contains(client->received(), "evil"));
}

TEST_CASE("a server that is forgotten loses its connections, those in use when they are done") {
  Bench b;
  const auto answer = [&](std::size_t server) {
    b.servers[server]->send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    b.settle();
  };
  auto first = b.client();
  auto second = b.client();
  first->send(get);
  second->send(get);
  b.settle();
  REQUIRE(b.servers.size() == 2);
  answer(0);
  REQUIRE(b.pool.idle() == 1);
  b.pool.forget(*b.endpoint);
  b.settle();
  CHECK(b.pool.idle() == 0);
  CHECK(b.servers[0]->ended());
  CHECK_FALSE(b.servers[1]->ended());
  answer(1);
  CHECK(contains(second->take(), "\r\n\r\nok"));
  CHECK(b.servers[1]->ended());
  // Who began before it was forgotten still gets there.
  first->take();
  first->send(get);
  b.settle();
  REQUIRE(b.servers.size() == 3);
  answer(2);
  CHECK(contains(first->take(), "\r\n\r\nok"));
  CHECK(b.servers[2]->ended());
  CHECK(b.pool.idle() + b.pool.active() == 0);
  CHECK(b.endpoint->idle == 0);
}

TEST_CASE("bytes on an idle upstream connection close it") {
  Bench b;
  auto client = b.client();
  client->send(get);
  b.settle();
  b.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  b.settle();
  CHECK(b.pool.idle() == 1);
  b.servers[0]->send("HTTP/1.1 408 Late\r\n\r\n");
  b.settle();
  CHECK(b.pool.idle() == 0);
}

TEST_CASE("back-pressure holds both ways") {
  Bench b({}, 16 * 1024);
  auto client = b.client();
  client->pause();
  client->send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n");
  b.settle();
  b.servers[0]->pause();
  client->send(std::string(10'000'000, 'x'));
  b.settle();
  CHECK(client->unsent() > 9'500'000);  // what is in flight is a few windows
  b.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n");
  b.servers[0]->send(std::string(10'000'000, 'y'));
  b.settle();
  CHECK(b.servers[0]->unsent() > 9'500'000);
}

TEST_CASE("expect: 100 comes from upstream, once") {
  Bench b;
  auto client = b.client();
  client->send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  b.settle();
  CHECK(contains(b.servers[0]->take(), "Expect: 100-continue"));
  CHECK(client->received().empty());
  b.servers[0]->send("HTTP/1.1 100 Continue\r\n\r\n");
  b.settle();
  CHECK(client->take() == "HTTP/1.1 100 Continue\r\n\r\n");
  client->send("abc");
  b.settle();
  CHECK(b.servers[0]->take() == "abc");
}

TEST_CASE("103 is forwarded, to HTTP/1.1 only") {
  Bench b;
  auto client = b.client();
  const bool old = GENERATE(false, true);
  client->send(old ? "GET /a HTTP/1.0\r\nHost: x\r\n\r\n" : get);
  b.settle();
  b.servers[0]->send("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  b.settle();
  CHECK(contains(client->take(), "103 Early Hints") != old);
}

TEST_CASE("HTTP/1.0 clients get an answer of unknown length with its length, and a close") {
  Bench b;
  auto client = b.client();
  client->send("GET /a HTTP/1.0\r\n\r\n");
  b.settle();
  b.servers[0]->send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
  b.settle();
  const std::string answer = client->take();
  CHECK(contains(answer, "Content-Length: 2\r\n"));
  CHECK(contains(answer, "\r\n\r\nhi"));
  CHECK(client->ended());
}

TEST_CASE("HEAD, 304 and 204 carry no body") {
  Bench b;
  auto client = b.client();
  client->send("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n");
  b.settle();
  b.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n");
  b.settle();
  const std::string head = client->take();
  CHECK(contains(head, "Content-Length: 500\r\n"));
  CHECK(head.ends_with("\r\n\r\n"));
  client->send(get);
  b.settle();
  b.servers[0]->send("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n");
  b.settle();
  CHECK(contains(client->take(), "304 Not Modified"));
  CHECK_FALSE(client->ended());
}

TEST_CASE("websocket tunnels both ways and half-closes") {
  Bench b;
  auto client = b.client();
  client->send("GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  b.settle();
  CHECK(contains(b.servers[0]->take(), "Upgrade: websocket"));
  b.servers[0]->send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst");
  b.settle();
  const std::string answer = client->take();
  CHECK(contains(answer, "101 Switching Protocols"));
  CHECK(answer.ends_with("\r\n\r\nfirst"));
  client->send("up");
  b.settle();
  CHECK(b.servers[0]->take() == "up");
  client->finish();
  b.settle();
  CHECK(b.servers[0]->ended());
  b.servers[0]->send("last");
  b.settle();
  CHECK(client->take() == "last");
  b.servers[0]->close();
  b.settle();
  CHECK(client->ended());
  CHECK(b.connections.count() == 0);
}

TEST_CASE("an unasked 101 is a 502") {
  Bench b;
  auto client = b.client();
  client->send(get);
  b.settle();
  b.servers[0]->send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  b.settle();
  CHECK(contains(client->take(), "HTTP/1.1 502"));
}

TEST_CASE("a client that leaves: a sent request is read to its end, with its slot") {
  Bench b;
  auto client = b.client();
  client->send(get);
  b.settle();
  client->close();
  b.settle();
  SECTION("the answer comes") {
    // FIN alone is half-close: the exchange still runs; a reset would end it. The answer ends both.
    b.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    b.settle();
    CHECK(b.proxy.slots == 0);
    CHECK(b.connections.count() == 0);
  }
}

TEST_CASE("time-outs of the client") {
  Bench b;
  auto client = b.client();
  SECTION("idle") {
    b.pass(61s);
    CHECK(client->ended());
    CHECK(b.proxy.notices == std::vector<std::string>{"idle-timeout"});
  }
  SECTION("head") {
    client->send("GET / HT");
    b.settle();
    b.pass(11s);
    CHECK(contains(client->take(), "HTTP/1.1 408"));
    CHECK(b.proxy.notices == std::vector<std::string>{"header-timeout"});
  }
  SECTION("body") {
    client->send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na");
    b.settle();
    b.pass(61s);
    CHECK(contains(client->take(), "HTTP/1.1 408"));
    CHECK(b.proxy.notices == std::vector<std::string>{"body-timeout"});
  }
}

TEST_CASE("a deadline of what is over ends nothing") {
  Bench b;
  auto client = b.client();
  SECTION("the connection is idle again") {  // however long the worker was held up between the answer and the end of the exchange
    for (int i = 0; i < 3; ++i) {
      client->send(get);
      b.settle();
      b.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      std::string answer;
      for (int turns = 0; answer.empty() && turns < 100; ++turns, answer = client->take()) b.loop.turn(false);
      b.clock.advance(300ms);
      b.settle();
      REQUIRE(contains(answer, "\r\n\r\nok"));
      REQUIRE_FALSE(client->ended());
    }
  }
  SECTION("the request became a tunnel") {
    client->send("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    b.settle();
    b.clock.advance(300ms);
    b.servers[0]->send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    b.settle();
    CHECK(contains(client->take(), "HTTP/1.1 101"));
    CHECK_FALSE(client->ended());
  }
  CHECK(b.proxy.notices.empty());
}

TEST_CASE("while a client reads nothing, its server's patience does not run out") {
  constexpr std::size_t between = 64 * 1024;  // what fits between engine and server
  const std::string body(9'000'000, 'x');
  const auto begin = [&](Bench& b, std::string_view bytes) {
    auto client = b.client();
    client->send(get);
    b.settle();
    b.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n");
    b.settle();
    b.servers[0]->send(bytes);
    b.settle();
    return client;
  };
  std::size_t room = 0;
  {
    Bench b({}, between);
    const auto client = begin(b, body);
    room = body.size() - b.servers[0]->unsent() - between;
  }
  Bench b({}, between);
  const auto client = begin(b, std::string_view(body).substr(0, room));
  b.pass(50s);
  for (int i = 0; i < 10; ++i) {
    client->take();
    b.settle();
  }
  b.pass(5s);
  CHECK_FALSE(client->ended());
  b.pass(41s);
  CHECK(client->ended());
  CHECK(b.proxy.ends == std::vector<std::string>{"between-bytes-timeout"});
}

TEST_CASE("what a server sent in time is read before its time is judged") {
  Bench b;
  auto client = b.client();
  client->send(get);
  b.settle();
  SECTION("a head") {
    b.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    b.clock.advance(301s);  // the worker was held up
  }
  SECTION("more of a body") {
    b.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
    b.settle();
    b.servers[0]->send("k");
    b.clock.advance(41s);
  }
  b.settle();
  CHECK(contains(client->take(), "\r\n\r\nok"));
  CHECK(b.proxy.ends == std::vector<std::string>{"finished"});
}

TEST_CASE("time-outs and failures of the server") {
  Bench b;
  auto client = b.client();
  SECTION("refused") {
    b.refuse_connections = true;
    client->send(get);
    b.settle();
    CHECK(contains(client->take(), "HTTP/1.1 502"));
    CHECK(b.proxy.ends == std::vector<std::string>{"connect-refused"});
  }
  SECTION("first byte") {
    client->send(get);
    b.settle();
    b.pass(301s);
    CHECK(contains(client->take(), "HTTP/1.1 504"));
    CHECK(b.proxy.ends == std::vector<std::string>{"first-byte-timeout"});
  }
  SECTION("between bytes") {
    client->send(get);
    b.settle();
    b.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na");
    b.settle();
    b.pass(41s);
    CHECK(client->ended());
    CHECK(b.proxy.ends == std::vector<std::string>{"between-bytes-timeout"});
  }
  SECTION("empty response") {
    client->send(get);
    b.settle();
    b.servers[0]->close();
    b.settle();
    CHECK(contains(client->take(), "HTTP/1.1 502"));
    CHECK(b.proxy.ends == std::vector<std::string>{"empty-response"});
  }
  SECTION("a bad head") {
    client->send(get);
    b.settle();
    b.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n");
    b.settle();
    CHECK(contains(client->take(), "HTTP/1.1 502"));
  }
  CHECK(b.proxy.slots == 0);
}

TEST_CASE("bad requests are answered here and never forwarded") {
  Bench b;
  auto client = b.client();
  client->send("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n");
  b.settle();
  CHECK(contains(client->take(), "HTTP/1.1 400"));
  CHECK(b.servers.empty());
  client->finish();
  b.settle();
  CHECK(b.connections.count() == 0);
}

TEST_CASE("TRACE and CONNECT are refused, OPTIONS * is answered") {
  Bench b;
  auto client = b.client();
  SECTION("trace") {
    client->send("TRACE / HTTP/1.1\r\nHost: x\r\n\r\n");
    b.settle();
    const std::string answer = client->take();
    CHECK(contains(answer, "HTTP/1.1 405"));
    CHECK(contains(answer, "Allow: "));
  }
  SECTION("options") {
    client->send("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n");
    b.settle();
    CHECK(contains(client->take(), "HTTP/1.1 200"));
  }
  CHECK(b.servers.empty());
}

TEST_CASE("an early answer closes the client's connection after lingering") {
  Bench b;
  auto client = b.client();
  client->send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc");
  b.settle();
  b.servers[0]->send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
  b.settle();
  const std::string answer = client->take();
  CHECK(contains(answer, "413"));
  CHECK(contains(answer, "Connection: close\r\n"));
  CHECK(contains(answer, "\r\n\r\nno"));
  CHECK(b.pool.idle() == 0);
  b.pass(3s);
  CHECK(b.connections.count() == 0);
}

TEST_CASE("draining closes idle connections after a second and ends busy ones after their answer") {
  Bench b;
  auto idle = b.client();
  auto asking = b.client();
  auto busy = b.client();
  busy->send(get);
  b.settle();
  b.connections.drain();
  b.pass(900ms);
  CHECK_FALSE(idle->ended());
  // A request that was under way when the draining began.
  asking->send(get);
  b.settle();
  b.servers[1]->send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  b.settle();
  CHECK(contains(asking->take(), "Connection: close\r\n"));
  CHECK(asking->ended());
  b.pass(200ms);
  CHECK(idle->ended());
  b.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  b.settle();
  const std::string answer = busy->take();
  CHECK(contains(answer, "Connection: close\r\n"));
  CHECK(answer.ends_with("ok"));
  CHECK(busy->ended());
  CHECK(b.connections.count() == 0);
}

TEST_CASE("a request that came in time is served, even by a worker that was busy for long") {
  Bench b;
  auto client = b.client();
  b.settle();
  b.connections.drain();
  b.settle();
  client->send(get);
  b.pass(5s);  // the request and the end of its patience are found at once
  b.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  b.settle();
  CHECK(client->take().ends_with("ok"));
  CHECK(client->ended());
}

TEST_CASE("who was promised more requests before the draining may send one") {
  Bench b;
  auto client = b.client();
  client->send(get);
  b.settle();
  b.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
  b.settle();
  REQUIRE_FALSE(contains(client->take(), "Connection: close"));
  b.connections.drain();
  b.pass(2s);
  b.servers[0]->send("k");
  b.settle();
  CHECK(client->take() == "k");
  CHECK_FALSE(client->ended());
  client->send(get);
  b.settle();
  b.servers.back()->send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  b.settle();
  CHECK(contains(client->take(), "Connection: close\r\n"));
  CHECK(client->ended());
}
