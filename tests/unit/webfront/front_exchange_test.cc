// SPDX-License-Identifier: BSD-2-Clause
// Whole requests through webfront's machine over memory: what reaches the upstream, what the client sees.
#include <catch2/catch.hpp>

#include "../http/engine_harness.h"
#include "config/loader.h"
#include "webfront/front_service.h"
#include "webfront/options.h"
#include "webfront/public_fields.h"

using engine_test::Wire;
using namespace webfront;

namespace {

struct Bench {
  explicit Bench(const std::string& routes, const std::string& top = "") : loop(clock), pool({1, 16}), metrics(2), desk(loop), connections_options() {
    config::load_text(context, "test.toml", top + "[[listen]]\naddress = \"127.0.0.1:0\"\n" + routes);
    config::read_root(context, options);
    use(options);
    INFO(context.render_all());
    REQUIRE_FALSE(context.failed());
    ServiceEnvironment environment;
    environment.offload = &pool;
    environment.metrics = &metrics;
    environment.errors = &errors;
    environment.connector = [this](net::EventLoop&, const net::Address&) { return connect(); };
    service = std::make_unique<FrontService>(loop, *generations, desk, environment);
    connections = std::make_unique<http::ClientConnections>(loop, *service, connections_options);
  }
  ~Bench() {
    connections->close_all();
    loop.drain();
    connections.reset();
    loop.drain();
    service.reset();
    generations.reset();
  }
  // A further configuration, as a reload would bring it.
  void reload(const std::string& text) {
    config::Context next;
    Options read;
    config::load_text(next, "next.toml", "[[listen]]\naddress = \"127.0.0.1:0\"\n" + text);
    config::read_root(next, read);
    INFO(next.render_all());
    REQUIRE_FALSE(next.failed());
    use(read);
    service->adopt(*made.back());
  }
  void use(const Options& from) {
    config::Context quiet;
    auto next = state.bind(compile(from, quiet, "front"), made.empty() ? nullptr : made.back().get());
    next->views.push_back(next->compiled->listeners[0]);
    state.commit(*next, metrics, loop.now());
    if (generations) generations->use(*next);
    else generations = std::make_unique<process::Generations>(*next, [this](const process::Generation& gone) { drained.push_back(&gone); });
    made.push_back(std::move(next));
  }
  base::Result<std::unique_ptr<net::Transport>> connect() {
    if (refuse) return std::unexpected(base::Error{{&http::reasons::upstream_connect_refused, 0, 0, {}}, base::Side::upstream, true, 111});
    auto pair = net::make_memory_pair(loop, 64 * 1024);
    servers.push_back(std::make_unique<Wire>(loop, std::move(pair.a)));
    return std::move(pair.b);
  }
  std::unique_ptr<Wire> client(const std::string& bytes = "") {
    auto pair = net::make_memory_pair(loop, 64 * 1024);
    auto wire = std::make_unique<Wire>(loop, std::move(pair.a));
    connections->adopt(std::move(pair.b), listener);
    wire->send(bytes);
    loop.drain();
    return wire;
  }
  void pass(base::Duration time) {
    clock.advance(time);
    loop.turn(false);
    loop.drain();
  }

  config::Context context;
  Options options;
  base::FakeClock clock;
  net::EventLoop loop;
  net::Offload pool;
  observe::Metrics metrics;
  observe::ErrorLog errors{{observe::Level::emerg, {}, 10, std::chrono::seconds(10), {}}};
  http::LoopDesk desk;
  std::deque<std::unique_ptr<Wire>> servers;
  bool refuse = false;
  State state{1};
  std::vector<std::unique_ptr<Generation>> made;
  std::vector<const process::Generation*> drained;
  std::unique_ptr<process::Generations> generations;
  http::ServerOptions connections_options;
  http::ListenerInfo listener;
  std::unique_ptr<FrontService> service;
  std::unique_ptr<http::ClientConnections> connections;
};

constexpr const char* everything = "[[site]]\nnames = [\"*\"]\n[[site.route]]\nproxy = \"127.0.0.1:1\"\n";
constexpr const char* ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("forwarded fields are ours, not the client's") {
  Bench bench(everything);
  bench.client("GET /x HTTP/1.1\r\nHost: h.example\r\nX-Forwarded-For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Forwarded-Proto: https\r\n"
               "X-Forwarded-Host: evil\r\nX-Request-ID: theirs\r\nRemote-User: root\r\nClient-Cert: :x:\r\nX-Sendfile-Type: X-Accel-Redirect\r\nX-Anonymous: True\r\n"
               "Connection: close\r\n\r\n");
  REQUIRE(bench.servers.size() == 1);
  const std::string got = bench.servers[0]->take();
  CHECK_FALSE(has(got, "6.6.6.6"));
  CHECK_FALSE(has(got, "evil"));
  CHECK_FALSE(has(got, "theirs"));
  CHECK_FALSE(has(got, "Remote-User"));
  CHECK_FALSE(has(got, "Client-Cert"));
  CHECK_FALSE(has(got, "X-Sendfile-Type"));
  CHECK_FALSE(has(got, "X-Anonymous"));
  CHECK_FALSE(has(got, "Connection: close"));
  CHECK(has(got, "X-Forwarded-Proto: http\r\n"));
  CHECK(has(got, "X-Forwarded-Host: h.example\r\n"));
  CHECK(has(got, "X-Request-ID: "));
  CHECK(has(got, "Via: 1.1 front\r\n"));
}

TEST_CASE("what came back to us is a loop") {
  Bench bench(everything);
  auto client = bench.client("GET /x HTTP/1.1\r\nHost: h\r\nVia: 1.1 other, 1.1 front\r\n\r\n");
  CHECK(client->received().starts_with("HTTP/1.1 508 "));
  CHECK(has(client->received(), "proxy_loop_detected"));
  CHECK(bench.servers.empty());
}

TEST_CASE("the answer, its fields edited") {
  Bench bench("[[site]]\nnames = [\"*\"]\nheaders = { set = { \"X-Host\" = \"$host\" }, remove = [\"Server\"] }\n[[site.route]]\nproxy = \"127.0.0.1:1\"\n");
  auto client = bench.client("GET /x HTTP/1.1\r\nHost: H.example:80\r\n\r\n");
  bench.servers[0]->send("HTTP/1.1 200 OK\r\nServer: secret\r\nConnection: x-hop\r\nX-Hop: 1\r\nVia: waitress\r\nContent-Length: 2\r\n\r\nok");
  bench.loop.drain();
  const std::string got = client->received();
  CHECK(has(got, "X-Host: h.example\r\n"));
  CHECK_FALSE(has(got, "secret"));
  CHECK_FALSE(has(got, "X-Hop"));
  CHECK(has(got, "Via: waitress, 1.1 front\r\n"));
  CHECK(got.ends_with("\r\n\r\nok"));
}

TEST_CASE("the virtual-host path on the wire") {
  Bench bench("[[site]]\nnames = [\"*\"]\n[[site.route]]\nvhm = { site = \"/Plone\" }\nproxy = \"127.0.0.1:1\"\n");
  bench.client("GET /a%2Fb//c?d HTTP/1.1\r\nHost: h\r\n\r\n");
  REQUIRE(bench.servers.size() == 1);
  CHECK(bench.servers[0]->take().starts_with("GET /VirtualHostBase/http/h:80/Plone/VirtualHostRoot/a%2Fb//c?d HTTP/1.1\r\n"));
  auto evil = bench.client("GET /%5fvh_x HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(evil->received().starts_with("HTTP/1.1 400 "));
  CHECK(bench.servers[0]->take().empty());
}

TEST_CASE("PURGE in any letter case stays outside") {
  Bench bench(everything);
  for (const char* method : {"PURGE", "purge", "BAN", "bAn"}) {
    auto client = bench.client(std::string(method) + " / HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(client->received().starts_with("HTTP/1.1 405 "));
    CHECK(has(client->received(), "Allow: "));
  }
  CHECK(bench.servers.empty());
}

TEST_CASE("a body over the limit is refused before the upstream is asked") {
  Bench bench("[[site]]\nnames = [\"*\"]\n[[site.route]]\nbody_size = \"10\"\nproxy = \"127.0.0.1:1\"\n");
  auto client = bench.client("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n");
  CHECK(client->received().starts_with("HTTP/1.1 413 "));
  CHECK(bench.servers.empty());
}

TEST_CASE("100 (Continue) is said here, and the upstream is asked when the body is here") {
  Bench bench(everything);
  auto client = bench.client("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  CHECK(client->take() == "HTTP/1.1 100 Continue\r\n\r\n");
  CHECK(bench.servers.empty());
  client->send("body");
  bench.loop.drain();
  REQUIRE(bench.servers.size() == 1);
  const std::string got = bench.servers[0]->take();
  CHECK_FALSE(has(got, "Expect"));
  CHECK(got.ends_with("\r\n\r\nbody"));
}

TEST_CASE("64 KiB of a long body are enough to begin; a route may want it whole") {
  for (const bool whole : {false, true}) {
    Bench bench(std::string("[[site]]\nnames = [\"*\"]\n[[site.route]]\nbuffer_body = ") + (whole ? "true" : "false") + "\nproxy = \"127.0.0.1:1\"\n");
    auto client = bench.client("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "8000\r\n" + std::string(0x8000, 'x') + "\r\n";
    client->send(chunk);
    bench.loop.drain();
    CHECK(bench.servers.empty());
    client->send(chunk + chunk);
    bench.loop.drain();
    CHECK(bench.servers.size() == (whole ? 0 : 1));
    client->send("0\r\n\r\n");
    bench.loop.drain();
    REQUIRE(bench.servers.size() == 1);
    std::string got;
    for (int i = 0; i < 20; ++i) {
      got += bench.servers[0]->take();
      bench.loop.drain();
    }
    CHECK(has(got, whole ? "Content-Length: 98304\r\n" : "Transfer-Encoding: chunked\r\n"));
    CHECK(got.size() > 98304);
  }
}

TEST_CASE("a closed kept-alive connection is noticed by nobody who may be repeated") {
  Bench bench(everything);
  auto client = bench.client("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
  bench.servers[0]->send(ok);
  bench.loop.drain();
  CHECK(client->take().ends_with("ok"));
  // The server takes the next request and closes without a byte.
  client->send("GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
  bench.loop.drain();
  REQUIRE(has(bench.servers[0]->take(), "GET /2 "));
  bench.servers[0]->close();
  bench.loop.drain();
  REQUIRE(bench.servers.size() == 2);
  CHECK(has(bench.servers[1]->take(), "GET /2 "));
  bench.servers[1]->send(ok);
  bench.loop.drain();
  CHECK(client->take().ends_with("ok"));
  client->send("POST /3 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx");
  bench.loop.drain();
  REQUIRE(has(bench.servers.back()->take(), "POST /3 "));
  const std::size_t before = bench.servers.size();
  bench.servers.back()->close();
  bench.loop.drain();
  CHECK(bench.servers.size() == before);
  CHECK(client->take().starts_with("HTTP/1.1 502 "));
}

TEST_CASE("an upstream that refuses") {
  Bench bench(everything);
  bench.refuse = true;
  auto client = bench.client("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(client->received().starts_with("HTTP/1.1 502 "));
  CHECK(has(client->received(), "Proxy-Status: webfront; error=connection_refused"));
  CHECK(has(client->received(), "Cache-Control: no-store"));
}

TEST_CASE("queues: one at a time, one waits, the next gets 503") {
  Bench bench("[upstream.app]\nservers = \"127.0.0.1:1\"\nqueue = { max_active = 1, max_waiting = 1, timeout = \"5s\" }\n[[site]]\nnames = [\"*\"]\n[[site.route]]\nproxy = \"app\"\n");
  auto first = bench.client("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
  auto second = bench.client("GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
  auto third = bench.client("GET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(bench.servers.size() == 1);
  CHECK(third->received().starts_with("HTTP/1.1 503 "));
  CHECK(has(third->received(), "Retry-After: "));
  CHECK(second->received().empty());
  SECTION("the place is passed on") {
    bench.servers[0]->send(ok);
    bench.loop.drain();
    CHECK(first->take().ends_with("ok"));
    REQUIRE(has(bench.servers.back()->take(), "GET /2 "));
    bench.servers.back()->send(ok);
    bench.loop.drain();
    CHECK(second->take().ends_with("ok"));
  }
  SECTION("the wait ends") {
    bench.pass(std::chrono::seconds(6));
    CHECK(second->received().starts_with("HTTP/1.1 503 "));
    CHECK(has(second->received(), "queue-timeout"));
  }
  SECTION("who leaves gives up the place") {
    second->close();
    bench.loop.drain();
    auto fourth = bench.client("GET /4 HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(fourth->received().empty());
    bench.servers[0]->take();
    bench.servers[0]->send(ok);
    bench.loop.drain();
    CHECK(has(bench.servers.back()->take(), "GET /4 "));
  }
}

TEST_CASE("a WebSocket through the front") {
  Bench bench(everything);
  auto client = bench.client("GET /ws HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n");
  REQUIRE(bench.servers.size() == 1);
  CHECK(has(bench.servers[0]->take(), "Upgrade: websocket\r\n"));
  bench.servers[0]->send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nfrom server");
  bench.loop.drain();
  CHECK(client->take().ends_with("\r\n\r\nfrom server"));
  client->send("from client");
  bench.loop.drain();
  CHECK(bench.servers[0]->take() == "from client");
}

TEST_CASE("answers of our own") {
  Bench bench("[[site]]\nnames = [\"*\"]\n[[site.route]]\npath = \"/teapot\"\nrespond = { status = 418, body = \"short\" }\n"
              "[[site.route]]\npath = \"/closed\"\nrespond = { status = 403 }\n[[site.route]]\nprefix = \"/go\"\nredirect = { to = \"https://$host$request_uri\" }\n");
  CHECK(bench.client("GET /teapot HTTP/1.1\r\nHost: h\r\n\r\n")->received().ends_with("\r\n\r\nshort"));
  CHECK(has(bench.client("GET /closed HTTP/1.1\r\nHost: h\r\n\r\n")->received(), "<h1>403 Forbidden</h1>"));
  CHECK(has(bench.client("GET /go?x HTTP/1.1\r\nHost: h\r\n\r\n")->received(), "Location: https://h/go?x\r\n"));
  CHECK(bench.client("POST /go HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")->received().starts_with("HTTP/1.1 308 "));
  CHECK(bench.client("GET /none HTTP/1.1\r\nHost: h\r\n\r\n")->received().starts_with("HTTP/1.1 404 "));
  CHECK(bench.metrics.text().find("webfront_errors_total{reason=\"route-none\"} 1") != std::string::npos);
}

TEST_CASE("a request ends by the configuration that it began with") {
  Bench bench("[[site]]\nnames = [\"*\"]\nheaders = { set = { \"X-Says\" = \"old\" } }\n[[site.route]]\nproxy = \"127.0.0.1:1\"\n");
  auto client = bench.client("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
  REQUIRE(bench.servers.size() == 1);
  bench.reload("[[site]]\nnames = [\"*\"]\n[[site.route]]\nrespond = { body = \"from the new one\" }\n");
  CHECK(bench.drained.empty());
  auto other = bench.client("GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(other->received().ends_with("from the new one"));
  bench.servers[0]->send(ok);
  bench.loop.drain();
  CHECK(has(client->received(), "X-Says: old\r\n"));
  CHECK(client->take().ends_with("ok"));
  CHECK(bench.drained == std::vector<const process::Generation*>{bench.made[0].get()});
  // The connection is kept, its next request goes by the new one.
  client->send("GET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
  bench.loop.drain();
  CHECK(client->received().ends_with("from the new one"));
}

TEST_CASE("a tunnel holds no configuration") {
  Bench bench(everything);
  auto client = bench.client("GET /ws HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n");
  REQUIRE(bench.servers.size() == 1);
  bench.servers[0]->take();
  bench.servers[0]->send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
  bench.loop.drain();
  bench.reload("[[site]]\nnames = [\"*\"]\n[[site.route]]\nrespond = { body = \"new\" }\n");
  CHECK(bench.drained == std::vector<const process::Generation*>{bench.made[0].get()});
  bench.made[0].reset();
  client->take();
  client->send("to");
  bench.loop.drain();
  CHECK(bench.servers[0]->take() == "to");
  bench.servers[0]->send("fro");
  bench.loop.drain();
  CHECK(client->take() == "fro");
  bench.servers[0]->close();
  bench.loop.drain();
  CHECK(client->ended());
  CHECK(bench.metrics.text().find("webfront_request_duration_seconds_count{site=\"*\",route=\"any path\",code=\"1xx\"} 1") != std::string::npos);
}

TEST_CASE("connections of a server that is gone are closed, those of one that stays are used") {
  Bench bench("[upstream.a]\nservers = [\"127.0.0.1:1\"]\n[upstream.b]\nservers = [\"127.0.0.1:2\"]\n[[site]]\nnames = [\"*\"]\n"
              "[[site.route]]\nprefix = \"/a\"\nproxy = \"a\"\n[[site.route]]\nproxy = \"b\"\n");
  for (const char* path : {"/a", "/b"}) {
    auto client = bench.client(std::string("GET ") + path + " HTTP/1.1\r\nHost: h\r\n\r\n");
    bench.servers.back()->take();
    bench.servers.back()->send(ok);
    bench.loop.drain();
  }
  REQUIRE(bench.servers.size() == 2);
  bench.reload("[upstream.a]\nservers = [\"127.0.0.1:1\"]\nkeepalive = 3\n[upstream.b]\nservers = [\"127.0.0.1:2\"]\n[[site]]\nnames = [\"*\"]\n"
               "[[site.route]]\nproxy = \"b\"\n");
  bench.loop.drain();
  CHECK(bench.servers[0]->ended());
  CHECK_FALSE(bench.servers[1]->ended());
  bench.client("GET /c HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(bench.servers.size() == 2);
  CHECK(has(bench.servers[1]->take(), "GET /c "));
}

TEST_CASE("what Cache-Status says of the inside is not for the public") {
  CHECK(public_cache_status("cachenode; hit; ttl=376") == "cachenode; hit; ttl=376");
  CHECK(public_cache_status("cachenode; fwd=bypass; detail=authenticated:cookie:__ac") == "cachenode; fwd=bypass");
  CHECK(public_cache_status("a; detail=\"x; y, z\\\"\"; hit, b;key=\"/p\";fwd=miss ; detail = 1") == "a; hit, b;fwd=miss ");
  CHECK(public_cache_status("detail; hit; keys=1") == "detail; hit; keys=1");
  CHECK(public_cache_status("a; detail=\"no end; hit") == "");
  Bench bench(everything);
  auto client = bench.client("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
  bench.servers[0]->send("HTTP/1.1 200 OK\r\nCache-Status: first; hit; detail=grace\r\nCache-Status: second; key=\"k\"; fwd=miss\r\nContent-Length: 2\r\n\r\nok");
  bench.loop.drain();
  CHECK(has(client->received(), "Cache-Status: first; hit, second; fwd=miss\r\n"));
  CHECK_FALSE(has(client->received(), "grace"));
}
