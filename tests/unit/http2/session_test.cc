// SPDX-License-Identifier: BSD-2-Clause
// The HTTP/2 server over memory: what reaches the upstream, what the client sees, who waits for whom.
#include <catch2/catch.hpp>

#include "h2_client.h"

using engine_test::Bench;
using http2_test::Client;
using http2_test::Fields;
using std::chrono::seconds;

namespace {

constexpr const char* ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Mixed-Case: y\r\n\r\nok";

}  // namespace

TEST_CASE("a request over HTTP/2 leaves as HTTP/1.1") {
  Bench bench;
  Client client(bench);
  const auto id = client.request(Client::get("/a%2Fb?c", {{"cookie", "a=b"}, {"x-one", "1"}, {"cookie", "c=d"}}));
  REQUIRE(bench.servers.size() == 1);
  CHECK(bench.servers[0]->take() == "GET /a%2Fb?c HTTP/1.1\r\nx-one: 1\r\nHost: h.example\r\nCookie: a=b; c=d\r\n\r\n");
  bench.servers[0]->send(ok);
  client.exchange();
  CHECK(client.answer(id).status == "200");
  CHECK(client.answer(id).body == "ok");
  CHECK(client.answer(id).ended);
  CHECK(client.answer(id).field("x-mixed-case") == "y");
  CHECK(client.answer(id).field("content-length") == "2");
  CHECK_FALSE(client.answer(id).field("date").empty());
  CHECK(bench.proxy.ends == std::vector<std::string>{"finished"});
}

TEST_CASE("many streams at once, answered out of order") {
  Bench bench;
  Client client(bench);
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(client.request(Client::get("/" + std::to_string(i))));
  REQUIRE(bench.servers.size() == 20);
  for (int i = 19; i >= 0; --i)
    bench.servers[static_cast<std::size_t>(i)]->send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(std::to_string(i).size()) + "\r\n\r\n" + std::to_string(i));
  client.exchange();
  for (int i = 0; i < 20; ++i) CHECK(client.answer(ids[static_cast<std::size_t>(i)]).body == std::to_string(i));
}

TEST_CASE("what is refused") {
  struct Row {
    const char* what;
    Fields fields;
    const char* status;  // empty: the stream is reset
  };
  const Fields base = Client::get("/");
  const auto with = [&](const char* name, const char* value) {
    Fields out = base;
    for (auto& [n, v] : out)
      if (n == name) {
        v = value;
        return out;
      }
    out.emplace_back(name, value);
    return out;
  };
  const std::vector<Row> rows = {
      {"no authority", {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}}, ""},
      {"another host", with("host", "other.example"), "400"},
      {"user information", with(":authority", "a@h.example"), "400"},
      {"hidden dots", with(":path", "/a%2f..%2fb"), "400"},
      {"above the root", with(":path", "/../x"), "400"},
      {"encoded NUL", with(":path", "/%00"), "400"},
      {"raw hash", with(":path", "/a#b"), "400"},
      {"TRACE", with(":method", "TRACE"), "405"},
      {"scheme", with(":scheme", "ftp"), "400"},
      {"connection", with("connection", "close"), ""},
      {"transfer-encoding", with("transfer-encoding", "chunked"), ""},
      {"te", with("te", "gzip"), ""},
      {"bad content-length", with("content-length", "-1"), ""},
      {"content-length without body", with("content-length", "5"), ""},
      {"LF in a value", with("x-a", "a\nb"), ""},
      {"NUL in a value", {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/"}, {"x", std::string("a\0b", 3)}}, ""},
      {"bad name", with("bad name", "x"), ""},
      {"unknown expectation", with("expect", "magic"), "417"},
      {"target too long", with(":path", ("/" + std::string(9000, 'a')).c_str()), "414"},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    Bench bench;
    Client client(bench);
    const auto id = client.request(row.fields);
    CHECK(bench.servers.empty());
    CHECK(client.answer(id).status == row.status);
    if (*row.status == 0) CHECK(client.answer(id).reset.value_or(0) == NGHTTP2_PROTOCOL_ERROR);
    else CHECK(client.answer(id).ended);
    // The connection is still good for others.
    const auto next = client.request(Client::get("/next"));
    REQUIRE(bench.servers.size() == 1);
    bench.servers[0]->send(ok);
    client.exchange();
    CHECK(client.answer(next).status == "200");
  }
}

TEST_CASE("heads over the limits") {
  http::ServerOptions options;
  options.head.bytes = 2000;
  options.head.fields = 10;
  Bench bench(options);
  Client client(bench);
  CHECK(client.answer(client.request(Client::get("/", {{"x-long", std::string(3000, 'a')}}))).status == "431");
  Fields many;
  for (int i = 0; i < 20; ++i) many.emplace_back("x-" + std::to_string(i), "v");
  CHECK(client.answer(client.request(Client::get("/", many))).status == "431");
  CHECK(bench.servers.empty());
  CHECK(bench.proxy.rejections == std::vector<std::string>{"head-too-large", "too-many-fields"});
}

TEST_CASE("OPTIONS for the server itself is answered here") {
  Bench bench;
  Client client(bench);
  Fields fields = Client::get("*");
  fields[0].second = "OPTIONS";
  const auto id = client.request(fields);
  CHECK(client.answer(id).status == "200");
  CHECK_FALSE(client.answer(id).field("allow").empty());
  CHECK(bench.servers.empty());
}

TEST_CASE("a body keeps its length") {
  Bench bench;
  Client client(bench);
  const std::string body(100'000, 'b');
  client.request(Client::post("/up", {{"content-length", "100000"}}), body);
  REQUIRE(bench.servers.size() == 1);
  std::string got;
  for (int i = 0; i < 10; ++i) {
    got += bench.servers[0]->take();
    client.exchange();
  }
  CHECK(got.find("Content-Length: 100000\r\n") != std::string::npos);
  CHECK(got.ends_with(body));
  CHECK(got.size() == got.find("\r\n\r\n") + 4 + body.size());
}

TEST_CASE("a body without length goes on in chunks, with its trailers") {
  Bench bench;
  Client client(bench);
  client.request(Client::post("/up"), "hello");
  REQUIRE(bench.servers.size() == 1);
  const std::string got = bench.servers[0]->received();
  CHECK(got.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
  CHECK(got.ends_with("5\r\nhello\r\n0\r\n\r\n"));
}

TEST_CASE("a body that nobody reads holds its client back, and its bytes in memory are bounded") {
  Bench bench;
  Client client(bench);
  const auto id = client.request(Client::post("/up", {{"content-length", "5000000"}}), std::string(5'000'000, 'x'));
  REQUIRE(bench.servers.size() == 1);
  // The server reads nothing: what left the client is in the pipe, in the lease and in the stream's window.
  CHECK(client.unsent(id) > 4'000'000);
  std::size_t received = 0;
  for (int i = 0; i < 2000 && received < 5'000'000; ++i) {
    received += bench.servers[0]->take().size();
    client.exchange();
  }
  CHECK(received > 5'000'000);
  CHECK(client.unsent(id) == 0);
}

TEST_CASE("a client that takes nothing holds the upstream back") {
  Bench bench;
  Client client(bench, false);
  const auto id = client.request(Client::get("/big"));
  REQUIRE(bench.servers.size() == 1);
  bench.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n" + std::string(5'000'000, 'y'));
  client.exchange();
  CHECK(client.answer(id).body.size() <= 65'535);
  CHECK(bench.servers[0]->unsent() > 4'000'000);
  std::size_t given_back = 0;
  for (int i = 0; i < 2000 && !client.answer(id).ended; ++i) {
    const std::size_t here = client.answer(id).body.size();
    client.consume(id, here - given_back);
    given_back = here;
  }
  CHECK(client.answer(id).ended);
  CHECK(client.answer(id).body.size() == 5'000'000);
}

TEST_CASE("a cancelled stream ends its exchange, and only that") {
  Bench bench;
  Client client(bench);
  const auto first = client.request(Client::get("/slow"));
  const auto second = client.request(Client::get("/other"));
  REQUIRE(bench.servers.size() == 2);
  client.reset(first);
  CHECK(bench.proxy.ends == std::vector<std::string>{"client-left"});
  bench.servers[1]->send(ok);
  client.exchange();
  CHECK(client.answer(second).body == "ok");
}

TEST_CASE("a lost connection ends all its exchanges") {
  Bench bench;
  Client client(bench);
  client.request(Client::get("/1"));
  client.request(Client::post("/2"), "half", false);
  client.drop();
  bench.settle();
  CHECK(bench.proxy.ends == std::vector<std::string>{"client-left", "client-left"});
  CHECK(bench.connections.count() == 0);
}

TEST_CASE("an answer cut short never looks complete") {
  Bench bench;
  Client client(bench);
  const auto id = client.request(Client::get("/"));
  bench.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  client.exchange();
  bench.servers[0]->close();
  client.exchange();
  CHECK(client.answer(id).status == "200");
  CHECK_FALSE(client.answer(id).ended);
  CHECK(client.answer(id).reset.has_value());
}

TEST_CASE("HEAD, 304 and 204 have no body") {
  Bench bench;
  Client client(bench);
  Fields head = Client::get("/");
  head[0].second = "HEAD";
  const auto id = client.request(head);
  bench.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
  client.exchange();
  CHECK(client.answer(id).field("content-length") == "1000");
  CHECK(client.answer(id).body.empty());
  CHECK(client.answer(id).ended);
  for (const char* line : {"HTTP/1.1 304 Not Modified\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"}) {
    const auto next = client.request(Client::get("/"));
    bench.servers[0]->send(line);
    client.exchange();
    CHECK(client.answer(next).ended);
    CHECK(client.answer(next).body.empty());
  }
}

TEST_CASE("100 (Continue) and 103 (Early Hints)") {
  Bench bench;
  Client client(bench);
  const auto id = client.request(Client::post("/", {{"expect", "100-continue"}, {"content-length", "4"}}), "", false);
  REQUIRE(bench.servers.size() == 1);
  CHECK(client.answer(id).interim.empty());
  bench.servers[0]->send("HTTP/1.1 100 Continue\r\n\r\n");
  client.exchange();
  CHECK(client.answer(id).interim == std::vector<std::string>{"100"});
  client.more(id, "body", true);
  bench.servers[0]->send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  bench.servers[0]->send(ok);
  client.exchange();
  CHECK(client.answer(id).interim == std::vector<std::string>{"100", "103"});
  CHECK(client.answer(id).body == "ok");
}

TEST_CASE("trailers go only to who asked for them") {
  for (const bool asks : {true, false}) {
    Bench bench;
    Client client(bench);
    const auto id = client.request(Client::get("/", asks ? Fields{{"te", "trailers"}} : Fields{}));
    bench.servers[0]->send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n");
    client.exchange();
    CHECK(client.answer(id).body == "ok");
    CHECK(client.answer(id).ended);
    CHECK(client.answer(id).trailers == (asks ? Fields{{"x-sum", "7"}} : Fields{}));
  }
}

TEST_CASE("a body over the limit gets 413 and the stream ends") {
  http::ServerOptions options;
  options.body_size = 1000;
  Bench bench(options);
  Client client(bench);
  const auto id = client.request(Client::post("/"), std::string(5000, 'z'), false);
  CHECK(client.answer(id).status == "413");
  CHECK(client.answer(id).ended);
  const auto next = client.request(Client::get("/"));
  REQUIRE(!bench.servers.empty());
  bench.servers.back()->send(ok);
  client.exchange();
  CHECK(client.answer(next).status == "200");
}

TEST_CASE("an early answer tells the client to stop sending") {
  Bench bench;
  Client client(bench);
  const auto id = client.request(Client::post("/"), std::string(1000, 'z'), false);
  bench.servers[0]->send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  client.exchange();
  CHECK(client.answer(id).status == "403");
  CHECK(client.answer(id).reset.value_or(99) == NGHTTP2_NO_ERROR);
}

TEST_CASE("draining: what runs is finished, then the connection ends") {
  Bench bench;
  Client client(bench);
  const auto id = client.request(Client::get("/"));
  bench.connections.drain();
  client.exchange();
  CHECK(client.went_away());
  CHECK_FALSE(client.ended());
  bench.servers[0]->send(ok);
  client.exchange();
  CHECK(client.answer(id).body == "ok");
  CHECK(client.ended());
  client.drop();
  bench.settle();
  CHECK(bench.connections.count() == 0);
}

TEST_CASE("draining: requests that were under way are served, the last GOAWAY names them") {
  Bench bench;
  Client client(bench);
  const auto first = client.request(Client::get("/1"));
  bench.connections.drain();
  // The client has not heard of it yet.
  client.hold_back();
  const auto second = client.request(Client::get("/2"));
  client.let_go();
  CHECK(client.goaways() == std::vector<std::int32_t>{INT32_MAX, second});
  REQUIRE(bench.servers.size() == 2);
  for (auto& server : bench.servers) server->send(ok);
  client.exchange();
  CHECK(client.answer(first).body == "ok");
  CHECK(client.answer(second).body == "ok");
  CHECK(client.ended());
}

TEST_CASE("draining: a client that does not answer PING is given a second") {
  Bench bench;
  Client client(bench);
  client.request(Client::get("/1"));
  client.hold_back();
  bench.connections.drain();
  bench.settle();
  bench.pass(std::chrono::milliseconds(900));
  bench.servers[0]->send(ok);
  bench.settle();
  CHECK(bench.connections.count() == 1);
  bench.pass(std::chrono::milliseconds(200));
  bench.pass(seconds(3));
  CHECK(bench.connections.count() == 0);
  client.let_go();
  CHECK(client.goaways() == std::vector<std::int32_t>{INT32_MAX, 1});
}

TEST_CASE("draining an idle connection: it is there for a request until the client knows") {
  Bench bench;
  Client client(bench);
  bench.connections.drain();
  client.exchange();
  CHECK(client.goaways() == std::vector<std::int32_t>{INT32_MAX, 0});
  CHECK(client.ended());
}

TEST_CASE("time limits") {
  Bench bench;
  SECTION("idle") {
    Client client(bench);
    bench.pass(seconds(59));
    client.exchange();
    CHECK_FALSE(client.went_away());
    bench.pass(seconds(2));
    client.exchange();
    CHECK(client.went_away());
    CHECK(client.ended());
    CHECK(bench.proxy.notices == std::vector<std::string>{"idle-timeout"});
    client.drop();
    bench.settle();
    CHECK(bench.connections.count() == 0);
  }
  SECTION("a body that does not come") {
    Client client(bench);
    const auto id = client.request(Client::post("/"), "half", false);
    for (int i = 0; i < 13; ++i) bench.pass(seconds(10));
    client.exchange();
    CHECK(client.answer(id).status == "408");
  }
  SECTION("a client that takes nothing") {
    Client client(bench, false);
    client.request(Client::get("/"));
    bench.servers[0]->send("HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n" + std::string(500'000, 'y'));
    client.exchange();
    for (int i = 0; i < 13; ++i) bench.pass(seconds(10));
    CHECK(bench.proxy.ends == std::vector<std::string>{"client-left"});
  }
}

TEST_CASE("bytes that are no HTTP/2") {
  Bench bench;
  bench.listener.http1 = false;
  bench.listener.http2 = true;
  bench.connections.set_http2(http2::session_factory());
  auto wire = bench.client();
  wire->send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  bench.settle();
  CHECK(wire->ended());
  CHECK(bench.connections.count() == 0);
}

TEST_CASE("bodies that share the connection's window do not wait for each other") {
  Bench bench;
  Client client(bench);
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 12; ++i) ids.push_back(client.request(Client::post("/", {{"content-length", "200000"}}), std::string(200'000, 'b')));
  std::size_t received = 0;
  for (int i = 0; i < 500; ++i) {
    for (auto& server : bench.servers) received += server->take().size();
    client.exchange();
  }
  CHECK(received > 12 * 200'000);
}
