// SPDX-License-Identifier: BSD-2-Clause
// Requests through the balancer's machine over memory: who gets which slot when, what is asked again, what the client sees.
#include "balancer/balance_service.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "../http/engine_harness.h"
#include "balancer/balance_exchange.h"
#include "http/http1_server.h"
#include "plan_bench.h"

namespace {

using engine_test::Wire;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Two servers, ports 8081 and 8082, without checks unless `more` says otherwise.
std::string configuration(const std::string& backend = "", const std::string& servers = "check = false\nmaxconn = 1\n", const std::string& top = "") {
  return top + "[[frontend]]\nname = \"in\"\nbind = \"127.0.0.1:8080\"\nhealth = \"/_health\"\ndefault_backend = \"app\"\n[[backend]]\nname = \"app\"\n" + backend +
         "[backend.server_defaults]\n" + servers +
         "[[backend.server]]\nname = \"s1\"\naddress = \"127.0.0.1:8081\"\n[[backend.server]]\nname = \"s2\"\naddress = \"127.0.0.1:8082\"\n";
}

struct Bench {
  explicit Bench(const std::string& text)
      : loop(clock), staff([this] { return clock.now(); }), plan(staff.compile(balancer_test::read(text))), first(serve(plan)),
        generations(*first, [this](const process::Generation& one) { if (drained) drained->push_back(&one); }), desk(loop),
        service(loop, generations, desk, 0, {}, {}, [this](net::EventLoop&, const net::Address& to) { return connect(to.port()); }),
        connections(loop, service, {}) {
    listener.name = "in";
  }
  ~Bench() {
    connections.close_all();
    settle();
  }
  base::Result<std::unique_ptr<net::Transport>> connect(int port) {
    ++attempts[port];
    if (refusing.contains(port)) return std::unexpected(base::Error{{&http::reasons::upstream_connect_refused, 0, 0, {}}, base::Side::upstream, true, ECONNREFUSED});
    auto pair = net::make_memory_pair(loop, 1 << 20);
    servers[port].push_back(std::make_unique<Wire>(loop, std::move(pair.a)));
    return std::move(pair.b);
  }
  Wire& client() {
    auto pair = net::make_memory_pair(loop, 1 << 20);
    clients.push_back(std::make_unique<Wire>(loop, std::move(pair.a)));
    connections.adopt(std::move(pair.b), listener);
    return *clients.back();
  }
  Wire& get(const std::string& path, const std::string& fields = "") {
    Wire& wire = client();
    wire.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n");
    settle();
    return wire;
  }
  void settle() { loop.drain(); }
  void pass(base::Duration time) {
    clock.advance(time);
    loop.turn(false);
    settle();
  }
  std::shared_ptr<balancer::Generation> serve(const std::shared_ptr<balancer::Plan>& next) {
    next->via_name = "lb";
    return staff.commit(next, false);
  }
  // Another configuration, up to the point where the worker has it.
  std::shared_ptr<balancer::Generation> reload(const std::string& text) {
    auto next = serve(staff.compile(balancer_test::read(text)));
    generations.use(*next);
    service.adopt(*next);
    kept.push_back(next);
    return next;
  }
  http::Admission& book() { return plan->backends[0]->state->book; }
  const balancer::Server& server(std::size_t i) { return *plan->backends[0]->state->servers[i]; }
  std::vector<http::ServerRow> rows() { return book().copy_rows(); }
  std::uint32_t waiting() { return book().totals().waiting; }

  std::vector<const process::Generation*>* drained = nullptr;
  base::FakeClock clock;
  net::EventLoop loop;
  balancer_test::Bench staff;
  std::shared_ptr<balancer::Plan> plan;
  std::shared_ptr<balancer::Generation> first;
  std::vector<std::shared_ptr<balancer::Generation>> kept;
  process::Generations generations;
  http::LoopDesk desk;
  std::set<int> refusing;
  std::map<int, int> attempts;
  std::map<int, std::vector<std::unique_ptr<Wire>>> servers;
  std::vector<std::unique_ptr<Wire>> clients;
  balancer::BalanceService service;
  http::ListenerInfo listener;
  http::ClientConnections connections;
};

const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

}  // namespace

TEST_CASE("requests wait for a server's place, first come, first served") {
  Bench bench(configuration());
  Wire& a = bench.get("/a");
  Wire& b = bench.get("/b");
  Wire& c = bench.get("/c");
  Wire& d = bench.get("/d");
  REQUIRE(bench.servers[8081].size() == 1);
  REQUIRE(bench.servers[8082].size() == 1);
  CHECK(bench.waiting() == 2);
  bench.servers[8082][0]->send(ok);
  bench.settle();
  CHECK(b.received().ends_with("\r\n\r\nok"));
  CHECK(bench.servers[8082][0]->take().find("GET /c HTTP/1.1") != std::string::npos);  // the kept connection
  bench.servers[8081][0]->send(ok);
  bench.settle();
  CHECK(a.received().ends_with("ok"));
  CHECK(bench.servers[8081][0]->take().find("GET /d HTTP/1.1") != std::string::npos);
  CHECK(c.received().empty());
  CHECK(d.received().empty());
}

TEST_CASE("a client that leaves gives up its place in the queue at once, its slot when the server is done") {
  Bench bench(configuration());
  Wire& a = bench.get("/a");
  bench.get("/b");
  Wire& waits = bench.get("/c");
  Wire& last = bench.get("/d");
  waits.close();
  bench.settle();
  CHECK(bench.waiting() == 1);
  a.close();
  bench.settle();
  CHECK(bench.rows()[0].used == 1);  // the server works on it still
  CHECK(bench.waiting() == 1);
  bench.servers[8081][0]->take();
  bench.servers[8081][0]->send(ok);
  bench.settle();
  CHECK(bench.waiting() == 0);
  CHECK(bench.servers[8081][0]->take().find("GET /d ") != std::string::npos);
  bench.servers[8081][0]->send(ok);
  bench.settle();
  CHECK(last.received().ends_with("ok"));
}

TEST_CASE("a half-closed client in the queue has left, unless configured otherwise") {
  const bool abort = GENERATE(true, false);
  Bench bench(configuration(std::string("queue = { abort_on_client_close = ") + (abort ? "true" : "false") + " }\n"));
  bench.get("/a");
  bench.get("/b");
  Wire& waits = bench.get("/c");
  waits.finish();
  bench.settle();
  CHECK(bench.waiting() == (abort ? 0U : 1U));
}

TEST_CASE("the queue has a limit and a time-out") {
  Bench bench(configuration("queue = { max_waiting = 1, timeout = \"3s\" }\n"));
  bench.get("/a");
  bench.get("/b");
  Wire& waits = bench.get("/c");
  Wire& refused = bench.get("/d");
  CHECK(refused.received().starts_with("HTTP/1.1 503 "));
  CHECK(refused.received().find("Retry-After: ") != std::string::npos);
  CHECK(refused.received().find("Proxy-Status: balancer; error=connection_limit_reached; details=\"queue-full\"") != std::string::npos);
  bench.pass(milliseconds(2999));
  CHECK(waits.received().empty());
  bench.pass(milliseconds(2));
  CHECK(waits.received().starts_with("HTTP/1.1 503 "));
  CHECK(waits.received().find("details=\"queue-timeout\"") != std::string::npos);
  CHECK(waits.received().find("Cache-Control: no-store") != std::string::npos);
}

TEST_CASE("a server that refuses connections attracts nobody, and nobody sees it") {
  Bench bench(configuration());
  bench.refusing.insert(8081);
  Wire& a = bench.get("/a");  // refused by s1, goes to s2
  Wire& b = bench.get("/b");
  Wire& c = bench.get("/c");
  CHECK(bench.attempts[8081] == 1);
  REQUIRE(bench.servers[8082].size() == 1);
  CHECK(bench.servers[8082][0]->take().find("GET /a ") != std::string::npos);
  CHECK(bench.waiting() == 2);
  for (int i = 0; i < 3; ++i) {
    bench.servers[8082][0]->send(ok);
    bench.settle();
  }
  for (Wire* w : {&a, &b, &c}) CHECK(w->received().ends_with("ok"));
  CHECK(bench.attempts[8081] == 1);
  CHECK(bench.server(0).counters.sum().connect_errors == 1);
  // After a second one request tries it, and its success opens it again.
  bench.refusing.clear();
  bench.pass(milliseconds(1001));
  bench.get("/d");
  bench.get("/e");
  CHECK(bench.attempts[8081] == 2);
  CHECK(bench.rows()[0].trial);
  bench.servers[8081][0]->send(ok);
  bench.settle();
  CHECK_FALSE(bench.rows()[0].trial);
}

TEST_CASE("a refused POST keeps its body and its place") {
  Bench bench(configuration());
  bench.refusing.insert(8081);
  Wire& wire = bench.client();
  wire.send("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
  bench.settle();
  REQUIRE(bench.servers[8082].size() == 1);
  CHECK(bench.servers[8082][0]->received().ends_with("\r\n\r\nhello"));
}

TEST_CASE("with no server left nothing waits") {
  Bench bench(configuration());
  bench.get("/a");
  bench.get("/b");
  Wire& waits = bench.get("/c");
  bench.book().change(bench.clock.now(), [](std::span<http::ServerRow> rows) { rows[0].up = rows[1].up = false; });
  bench.settle();
  CHECK(waits.received().find("details=\"no-server\"") != std::string::npos);
  Wire& late = bench.get("/d");
  CHECK(late.received().starts_with("HTTP/1.1 503 "));
}

TEST_CASE("what may be repeated is, what may not gives one 502") {
  Bench bench(configuration());
  SECTION("GET: another server") {
    Wire& a = bench.get("/a");
    bench.servers[8081][0]->close();
    bench.settle();
    REQUIRE(bench.servers[8082].size() == 1);
    bench.servers[8082][0]->send(ok);
    bench.settle();
    CHECK(a.received().ends_with("ok"));
  }
  SECTION("POST: no") {
    Wire& wire = bench.client();
    wire.send("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx");
    bench.settle();
    bench.servers[8081][0]->close();
    bench.settle();
    CHECK(wire.received().starts_with("HTTP/1.1 502 "));
    CHECK(wire.received().find("next-hop=\"app/s1\"") != std::string::npos);
    CHECK(bench.servers[8082].empty());
  }
  SECTION("an answer that began: no, and it does not look complete") {
    Wire& a = bench.get("/a");
    bench.servers[8081][0]->send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
    bench.settle();
    bench.servers[8081][0]->close();
    bench.settle();
    CHECK(a.received().ends_with("\r\n\r\nab"));
    CHECK(a.ended());
    CHECK(bench.servers[8082].empty());
  }
  CHECK(bench.waiting() == 0);
}

TEST_CASE("a slow answer ends at timeout.server, all attempts together") {
  Bench bench(configuration("", "check = false\nmaxconn = 1\n", "[defaults]\ntimeout = { server = \"10s\" }\n"));
  Wire& a = bench.get("/a");
  bench.pass(seconds(6));
  bench.servers[8081][0]->close();
  bench.settle();
  bench.pass(milliseconds(3999));
  CHECK(a.received().empty());
  bench.pass(milliseconds(2));
  CHECK(a.received().starts_with("HTTP/1.1 504 "));
}

TEST_CASE("no place is taken before the body is here, or enough of it") {
  Bench bench(configuration());
  Wire& slow = bench.client();
  slow.send("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + std::string(1000, 'x'));
  bench.settle();
  CHECK(bench.rows()[0].used == 0);
  slow.send(std::string(64 * 1024 - 1000, 'x'));
  bench.settle();
  CHECK(bench.rows()[0].used == 1);
  // One whose 100 must come from the server asks at once.
  Wire& asks = bench.client();
  asks.send("PUT /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  bench.settle();
  CHECK(bench.rows()[1].used == 1);
  bench.servers[8082][0]->send("HTTP/1.1 100 Continue\r\n\r\n");
  bench.settle();
  CHECK(asks.take() == "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST_CASE("the sticky cookie: set once, hidden from the server, followed") {
  Bench bench(configuration("cookie = { name = \"id\", indirect = true }\n"));
  Wire& a = bench.get("/a");
  bench.servers[8081][0]->send("HTTP/1.1 200 OK\r\nCache-Control: private\r\nContent-Length: 0\r\n\r\n");
  bench.settle();
  CHECK(a.received().find("Set-Cookie: id=s1; Path=/; HttpOnly\r\n") != std::string::npos);
  bench.servers[8081][0]->take();
  for (int i = 0; i < 2; ++i) {
    Wire& again = bench.get("/b", "Cookie: x=y; id=s1\r\n");
    CHECK(bench.servers[8081][0]->take().find("Cookie: x=y\r\n") != std::string::npos);
    bench.servers[8081][0]->send("HTTP/1.1 200 OK\r\nCache-Control: private\r\nContent-Length: 0\r\n\r\n");
    bench.settle();
    CHECK(again.received().find("Set-Cookie") == std::string::npos);
  }
  CHECK(bench.servers[8082].empty());
}

TEST_CASE("strangers' claims do not reach the server, a trusted peer's do") {
  const bool trusted = GENERATE(false, true);
  std::string text = configuration();
  if (trusted) text.insert(text.find("default_backend"), "trusted_proxies = [\"unix\", \"0.0.0.0/0\", \"::/0\"]\n");
  Bench bench(text);
  bench.get("/a", "X-Forwarded-For: 9.9.9.9\r\nX-Request-ID: abc\r\nForwarded: for=9.9.9.9\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\n");
  const std::string seen = bench.servers[8081][0]->received();
  CHECK(seen.find("Via: 1.1 lb\r\n") != std::string::npos);
  CHECK(seen.find("X-Mine") == std::string::npos);
  if (!trusted) CHECK(seen.find("9.9.9.9") == std::string::npos);
  if (!trusted) CHECK(seen.find("abc") == std::string::npos);
}

TEST_CASE("a request that passed here before is a loop") {
  Bench bench(configuration());
  Wire& wire = bench.get("/a", "Via: 1.1 front, 1.1 lb\r\n");
  CHECK(wire.received().starts_with("HTTP/1.1 508 "));
  CHECK(wire.received().find("error=proxy_loop_detected") != std::string::npos);
  CHECK(bench.servers[8081].empty());
}

TEST_CASE("the health page follows the servers") {
  Bench bench(configuration());
  CHECK(bench.get("/_health").received().starts_with("HTTP/1.1 200 "));
  CHECK(bench.get("/_health/app").received().starts_with("HTTP/1.1 200 "));
  CHECK(bench.get("/_health/other").received().starts_with("HTTP/1.1 404 "));
  CHECK(bench.get("/_healthy").received().empty());  // a request like any other
  bench.book().change(bench.clock.now(), [](std::span<http::ServerRow> rows) { rows[0].up = rows[1].up = false; });
  Wire& down = bench.get("/_health");
  CHECK(down.received().starts_with("HTTP/1.1 503 "));
  CHECK(down.received().find("Cache-Control: no-store") != std::string::npos);
}

TEST_CASE("a WebSocket passes and holds its place until it ends") {
  Bench bench(configuration());
  Wire& wire = bench.get("/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n");
  bench.servers[8081][0]->take();
  bench.servers[8081][0]->send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi");
  bench.settle();
  CHECK(wire.take().ends_with("\r\n\r\nhi"));
  wire.send("you");
  bench.settle();
  CHECK(bench.servers[8081][0]->take() == "you");
  CHECK(bench.rows()[0].used == 1);
  bench.servers[8081][0]->finish();
  bench.settle();
  CHECK(wire.ended());
  CHECK(bench.rows()[0].used == 0);
}

TEST_CASE("a request ends under the configuration it began with, its answer too") {
  Bench bench(configuration("queue = { timeout = \"3s\" }\n"));
  Wire& a = bench.get("/a");
  Wire& b = bench.get("/b");
  Wire& waits = bench.get("/c");
  // The next configuration has one server, another name in Via, and lets nobody wait for long.
  const auto before = bench.staff.roster.plan();
  auto next = bench.staff.compile(balancer_test::read(
      "[[frontend]]\nname = \"in\"\nbind = \"127.0.0.1:8080\"\ndefault_backend = \"app\"\n[[backend]]\nname = \"app\"\ncheck = false\nqueue = { timeout = \"1ms\" }\n"
      "[[backend.server]]\nname = \"s1\"\naddress = \"127.0.0.1:8081\"\nmaxconn = 1\n"));
  next->via_name = "other";
  const auto second = bench.staff.commit(next, false);
  bench.kept.push_back(second);
  bench.generations.use(*second);
  bench.service.adopt(*second);
  bench.staff.roster.settle(*before);
  CHECK(bench.rows()[1].life == http::RowLife::removed);
  bench.pass(milliseconds(100));
  CHECK(waits.received().empty());
  bench.servers[8082][0]->send(ok);
  bench.servers[8081][0]->send(ok);
  bench.settle();
  CHECK(a.received().find("Via: 1.1 lb\r\n") != std::string::npos);
  CHECK(b.received().ends_with("ok"));
  CHECK(bench.servers[8082][0]->ended());                                                 // nothing keeps a connection to it
  CHECK(bench.servers[8081][0]->take().find("GET /c HTTP/1.1") != std::string::npos);     // a kept connection of the server that stays
  bench.servers[8081][0]->send(ok);
  bench.settle();
  CHECK(waits.received().find("Via: 1.1 lb\r\n") != std::string::npos);
  Wire& fresh = bench.get("/d");
  bench.servers[8081][0]->send(ok);
  bench.settle();
  CHECK(fresh.received().find("Via: 1.1 other\r\n") != std::string::npos);
}

TEST_CASE("a tunnel lets go of its generation, and keeps its place") {
  std::vector<const process::Generation*> drained;
  Bench bench(configuration());
  bench.drained = &drained;
  Wire& wire = bench.get("/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n");
  bench.servers[8081][0]->take();
  bench.reload(configuration("balance = \"leastconn\"\n"));
  CHECK(drained.empty());
  bench.servers[8081][0]->send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi");
  bench.settle();
  REQUIRE(drained.size() == 1);
  bench.plan.reset();
  bench.first.reset();
  wire.send("you");
  bench.settle();
  CHECK(bench.servers[8081][0]->take() == "you");
  bench.plan = std::const_pointer_cast<balancer::Plan>(bench.staff.roster.plan());
  CHECK(bench.rows()[0].used == 1);
  bench.servers[8081][0]->finish();
  bench.settle();
  CHECK(wire.ended());
  CHECK(bench.rows()[0].used == 0);
  CHECK(bench.server(0).counters.sum().requests == 1);
}

TEST_CASE("a sticky cookie is looked up when the request asks for a place, whatever the rows were before") {
  Bench bench(configuration("cookie = { name = \"id\", insert_on = \"always\" }\n"));
  Wire& slow = bench.client();
  slow.send("POST /p HTTP/1.1\r\nHost: x\r\nCookie: id=s2\r\nContent-Length: 5\r\n\r\nab");
  bench.settle();
  // Meanwhile s2 is removed, its index given to s9, and s2 comes back in another row.
  const auto with = [](const std::string& name, int port) {
    return "[[backend.server]]\nname = \"" + name + "\"\naddress = \"127.0.0.1:" + std::to_string(port) + "\"\n";
  };
  const std::string front =
      "[[frontend]]\nname = \"in\"\nbind = \"127.0.0.1:8080\"\ndefault_backend = \"app\"\n[[backend]]\nname = \"app\"\ncheck = false\n"
      "cookie = { name = \"id\", insert_on = \"always\" }\n";
  for (const std::string& servers : {with("s1", 8081), with("s1", 8081) + with("s9", 8089), with("s1", 8081) + with("s9", 8089) + with("s2", 8082)}) {
    const auto before = bench.staff.roster.plan();
    bench.reload(front + servers);
    bench.staff.roster.settle(*before);
    bench.staff.graves.look();
  }
  REQUIRE(bench.book().find_row("s9") == 1);
  slow.send("cde");
  bench.settle();
  REQUIRE(bench.servers[8082].size() == 1);
  bench.servers[8082][0]->send(ok);
  bench.settle();
  CHECK(slow.received().ends_with("ok"));
  CHECK(slow.received().find("Set-Cookie") == std::string::npos);  // it has the right one
}
