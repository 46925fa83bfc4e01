// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>
#include <string>

#include "http/http1_parser.h"
#include "http/reasons.h"

using namespace http;

namespace {

struct Outcome {
  std::string code;
  int status = 0;
  std::size_t size = 0;
  ResponseHead head;
  ResponseHeadParser parser;
};

Outcome parse(std::string_view input, Method method = Method::get, const HeadLimits& limits = {64 * 1024, 200, 0, 256}) {
  Outcome out;
  const auto size = out.parser.parse(input, limits, method, out.head);
  if (size) {
    out.size = *size;
  } else {
    out.code = size.error().reason.code();
    out.status = size.error().reason.row->status;
    CHECK(size.error().side == base::Side::upstream);
    CHECK(out.status == 502);
    CHECK(size.error().reason.row->proxy_status != nullptr);
  }
  return out;
}

std::string with(std::string_view fields, std::string_view line = "HTTP/1.1 200 OK") { return std::string(line) + "\r\n" + std::string(fields) + "\r\n"; }

}  // namespace

TEST_CASE("status lines") {
  CHECK(parse("HTTP/1.1 200 OK\r\n\r\n").head.status() == 200);
  CHECK(parse("HTTP/1.1 200\r\n\r\n").head.status() == 200);
  CHECK(parse("HTTP/1.1 404 \r\n\r\n").head.status() == 404);
  CHECK(parse("HTTP/1.0 200 All right\r\n\r\n").head.minor_version() == 0);
  CHECK(parse("HTTP/1.1 200 \xc3\x9c" "bel\r\n\r\n").code.empty());
  for (const auto* bad : {"HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 200OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n",
                          "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1 200 OK\n\r\n", "HTTP/1.1 200 O\x01K\r\n\r\n", "http/1.1 200 OK\r\n\r\n", "HTTP/1.1\t200 OK\r\n\r\n",
                          "ICY 200 OK\r\n\r\n", "HTTP/1.1 200 OK\rX: y\r\n\r\n", "\r\nHTTP/1.1 200 OK\r\n\r\n", "HTTP/1.10 200 OK\r\n\r\n", "HTTP/1.1 200"
                          "\r\r\n\r\n"}) {
    INFO(bad);
    CHECK(parse(bad).code == "upstream-status-line");
  }
}

TEST_CASE("bad fields of an answer are a 502 that says why") {
  CHECK(parse(with("A : b\r\n")).code == "upstream-head:space-before-colon");
  CHECK(parse(with("A: b\r\n c\r\n")).code == "upstream-head:obs-fold");
  CHECK(parse(with("A: b\n")).code == "upstream-head:bare-lf");
  CHECK(parse(with("A: b\x01\r\n")).code == "upstream-head:bad-field-value");
  CHECK(parse(with("A: " + std::string(300, 'x') + "\r\n"), Method::get, {100, 10, 0, 20}).code == "upstream-head-too-large:head-too-large");
  CHECK(parse("HTTP/1.1 200 OK\r\nA: " + std::string(300, 'x'), Method::get, {100, 10, 0, 20}).code == "upstream-head-too-large:head-too-large");
}

TEST_CASE("how an answer's body ends") {
  using Kind = Framing::Kind;
  const auto kind = [](const std::string& text, Method method = Method::get) {
    auto out = parse(text, method);
    REQUIRE(out.code.empty());
    return out.parser.framing().kind;
  };
  CHECK(kind(with("")) == Kind::until_close);
  CHECK(kind(with("Content-Length: 5\r\n")) == Kind::length);
  CHECK(kind(with("Transfer-Encoding: chunked\r\n")) == Kind::chunked);
  CHECK(kind(with("Content-Length: 5\r\n"), Method::head) == Kind::none);
  CHECK(kind(with("", "HTTP/1.1 204 No Content")) == Kind::none);
  CHECK(kind(with("Content-Length: 5\r\n", "HTTP/1.1 304 Not Modified")) == Kind::none);
  CHECK(kind(with("", "HTTP/1.1 103 Early Hints")) == Kind::none);
  CHECK(parse(with("Content-Length: 5\r\n", "HTTP/1.1 304 Not Modified")).head.has(Token::content_length));
  CHECK_FALSE(parse(with("Content-Length: 5\r\n", "HTTP/1.1 204 No Content")).head.has(Token::content_length));
  CHECK(parse(with("Content-Length: 5\r\nContent-Length: 5\r\n")).code == "upstream-head:content-length-repeated");
  CHECK(parse(with("Content-Length: 5\r\nContent-Length: 6\r\n")).code == "upstream-head:content-length-repeated");
  CHECK(parse(with("Content-Length: 5, 5\r\n")).code == "upstream-head:content-length-invalid");
  CHECK(parse(with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")).code == "upstream-head:content-length-and-transfer-encoding");
  CHECK(parse(with("Transfer-Encoding: gzip, chunked\r\n")).code == "upstream-transfer-coding:transfer-coding-unknown");
  CHECK(parse(with("Transfer-Encoding: chunked, chunked\r\n")).code == "upstream-transfer-coding:chunked-repeated");
  CHECK(parse(with("Transfer-Encoding: identity\r\n")).code == "upstream-transfer-coding:chunked-not-last");
  CHECK(parse(with("Transfer-Encoding: chunked\r\n", "HTTP/1.0 200 OK")).code == "upstream-head:transfer-encoding-http-1.0");
}

TEST_CASE("whether the upstream's connection stays open") {
  CHECK_FALSE(parse(with("Content-Length: 0\r\n")).parser.close());
  CHECK(parse(with("Content-Length: 0\r\nConnection: close\r\n")).parser.close());
  CHECK(parse(with("Content-Length: 0\r\n", "HTTP/1.0 200 OK")).parser.close());
  CHECK_FALSE(parse(with("Content-Length: 0\r\nConnection: keep-alive\r\n", "HTTP/1.0 200 OK")).parser.close());
  CHECK(parse(with("")).parser.close());
  CHECK(parse(with("Content-Length: 0\r\nKeep-Alive: timeout=5, max=100\r\n")).parser.keep_alive_timeout() == 5);
  CHECK(parse(with("Content-Length: 0\r\n")).parser.keep_alive_timeout() == -1);
}

TEST_CASE("what Zope and waitress send is taken") {
  auto out = parse(with("Via: waitress\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: waitress\r\nDate: other\r\nContent-Length: 0\r\n"));
  REQUIRE(out.code.empty());
  CHECK(out.head.count(Token::date) == 1);
  CHECK(out.head.get(Token::date) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(out.head.get(Token::via) == "waitress");
}

TEST_CASE("switching protocols") {
  CHECK(parse(with("Connection: Upgrade\r\nUpgrade: websocket\r\n", "HTTP/1.1 101 Switching Protocols")).parser.switching());
  CHECK_FALSE(parse(with("Upgrade: websocket\r\n", "HTTP/1.1 101 Switching Protocols")).parser.switching());
  CHECK_FALSE(parse(with("Connection: upgrade\r\nUpgrade: h2c\r\n", "HTTP/1.1 101 Switching Protocols")).parser.switching());
}

TEST_CASE("an answer in parts") {
  const std::string text = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: y\r\n\r\nabc";
  ResponseHeadParser parser;
  ResponseHead head;
  for (std::size_t n = 0; n < text.size() - 3; ++n) {
    const auto size = parser.parse(std::string_view(text).substr(0, n), {64 * 1024, 200, 0, 256}, Method::get, head);
    REQUIRE(size);
    CHECK(*size == 0);
  }
  const auto size = parser.parse(text, {64 * 1024, 200, 0, 256}, Method::get, head);
  REQUIRE(size);
  CHECK(*size == text.size() - 3);
  CHECK(head.get("x") == "y");
}
