// SPDX-License-Identifier: BSD-2-Clause
// Requests: every rule from both sides.
#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "http/http1_parser.h"
#include "http/reasons.h"

using namespace http;

namespace {

struct Outcome {
  std::string code;  // of the refusal, "" if there is none
  int status = 0;
  std::size_t size = 0;
  RequestHead head;
  RequestHeadParser parser;
};

Outcome parse(std::string_view input, const HeadLimits& limits = {}) {
  Outcome out;
  const auto size = out.parser.parse(input, limits, out.head);
  if (size) {
    out.size = *size;
  } else {
    out.code = size.error().reason.row->name;
    out.status = size.error().reason.row->status;
  }
  return out;
}

std::string code(std::string_view input) {
  const auto out = parse(input);
  if (!out.code.empty()) return out.code;
  return out.size == 0 ? "more" : "";
}

std::string with(std::string_view fields) { return "GET / HTTP/1.1\r\nHost: h\r\n" + std::string(fields) + "\r\n"; }
std::string target_of(std::string_view target) {
  const auto out = parse("GET " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n\r\n");
  return out.code.empty() ? std::string(out.head.target()) : out.code;
}
std::string host(std::string_view value) { return code("GET / HTTP/1.1\r\nHost: " + std::string(value) + "\r\n\r\n"); }

}  // namespace

TEST_CASE("a plain request") {
  const std::string text = "GET /news?x=1 HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent:  curl \t\r\nX-Odd:\r\nAccept: */*\r\n\r\n";
  auto out = parse(text + "GET /next");
  REQUIRE(out.code.empty());
  CHECK(out.size == text.size());
  CHECK(out.head.method() == Method::get);
  CHECK(out.head.target() == "/news?x=1");
  CHECK(out.head.path() == "/news");
  CHECK(out.head.query() == "x=1");
  CHECK(out.head.minor_version() == 1);
  CHECK(out.head.host() == "www.example.org");
  CHECK(out.head.get(Token::user_agent) == "curl");
  CHECK(out.head.get("x-odd") == "");
  CHECK(out.parser.framing().kind == Framing::Kind::none);
  CHECK_FALSE(out.parser.close());
}

TEST_CASE("request lines") {
  CHECK(code("GET  / HTTP/1.1\r\nHost: h\r\n\r\n") == "request-line");
  CHECK(code("GET /  HTTP/1.1\r\nHost: h\r\n\r\n") == "request-line");
  CHECK(code("GET / HTTP/1.1 \r\nHost: h\r\n\r\n") == "request-line");
  CHECK(code(" GET / HTTP/1.1\r\nHost: h\r\n\r\n") == "method-name");
  CHECK(code("GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n") == "method-name");
  CHECK(code("G@T / HTTP/1.1\r\nHost: h\r\n\r\n") == "method-name");
  CHECK(code("GET /\r\n\r\n") == "request-line");
  CHECK(code("GET / http/1.1\r\nHost: h\r\n\r\n") == "request-line");
  CHECK(code("GET / HTTP/1.\r\nHost: h\r\n\r\n") == "request-line");
  CHECK(code("GET / HTTP/11\r\nHost: h\r\n\r\n") == "request-line");
  CHECK(code("GET / HTTP/1.12\r\nHost: h\r\n\r\n") == "request-line");
  CHECK(code("GET / HTTP/1.1\nHost: h\r\n\r\n") == "bare-lf");
  CHECK(code("GET / HTTP/1.1\rHost: h\r\n\r\n") == "bare-cr");
  CHECK(code("GET / HTTP/2.0\r\nHost: h\r\n\r\n") == "version-major");
  CHECK(code("GET / HTTP/0.9\r\nHost: h\r\n\r\n") == "version-major");
  CHECK(code("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == "version-major");
  CHECK(parse("GET / HTTP/3.0\r\n").status == 505);
  const auto newer = parse("GET / HTTP/1.7\r\nHost: h\r\n\r\n");
  CHECK(newer.code.empty());
  CHECK(newer.head.minor_version() == 1);
  CHECK(code(std::string(33, 'A') + " / HTTP/1.1\r\nHost: h\r\n\r\n") == "method-name");
  CHECK(code("M-SEARCH / HTTP/1.1\r\nHost: h\r\n\r\n").empty());
  CHECK(code("\x16\x03\x01\x02") == "method-name");
}

TEST_CASE("one empty line before a request is skipped") {
  const auto out = parse("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(out.code.empty());
  CHECK(out.size == 29);
  CHECK(out.head.method_name() == "GET");
  CHECK(code("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n") == "request-line");
  CHECK(code("\nGET / HTTP/1.1\r\nHost: h\r\n\r\n") == "bare-lf");
}

TEST_CASE("field lines") {
  CHECK(code(with("A: b\r\n")).empty());
  CHECK(code(with("A : b\r\n")) == "space-before-colon");
  CHECK(code(with("A\t: b\r\n")) == "space-before-colon");
  CHECK(code(with("A: b\r\n c\r\n")) == "obs-fold");
  CHECK(code(with("A: b\r\n\tc\r\n")) == "obs-fold");
  CHECK(code(with("A: b\n")) == "bare-lf");
  CHECK(code(with("A: b\rc\r\n")) == "bare-cr");
  CHECK(code(with("A: b\r\r\n")) == "bare-cr");
  CHECK(code(with("A: b\x01\r\n")) == "bad-field-value");
  CHECK(code(with(std::string("A: b\0c\r\n", 8))) == "bad-field-value");
  CHECK(code(with("A: b\x7f\r\n")) == "bad-field-value");
  CHECK(code(with("A: gr\xc3\xbc\xc3\x9f\xff\r\n")).empty());
  CHECK(code(with("A: b\tc\r\n")).empty());
  CHECK(code(with(": b\r\n")) == "bad-field-name");
  CHECK(code(with("A(: b\r\n")) == "bad-field-name");
  CHECK(code(with("\xc3\xa4: b\r\n")) == "bad-field-name");
  CHECK(code(with("A b: c\r\n")) == "space-before-colon");
  CHECK(code(with(std::string("Content-Length\0: 1\r\n", 20))) == "bad-field-name");
  CHECK(code(with("A\r\n")) == "bad-field-line");
  CHECK(code("GET / HTTP/1.1\r\n Host: h\r\n\r\n") == "obs-fold");
  CHECK(code("GET / HTTP/1.1\r\nHost: h\n\n") == "bare-lf");
  CHECK(code("GET / HTTP/1.1\r\nHost: h\r\n\n") == "bare-lf");
}

TEST_CASE("limits") {
  HeadLimits limits{200, 3, 50, 20};
  CHECK(parse("GET /" + std::string(50, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", limits).status == 414);
  CHECK(parse("GET /" + std::string(49, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", limits).code.empty());
  CHECK(parse("GET /" + std::string(60, 'a'), limits).status == 414);  // before its end is there
  CHECK(parse("GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 1\r\n\r\n", limits).code.empty());
  CHECK(parse("GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 1\r\nC: 1\r\n\r\n", limits).code == "too-many-fields");
  CHECK(parse("GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(200, 'a') + "\r\n\r\n", limits).code == "head-too-large");
  CHECK(parse("GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(200, 'a'), limits).code == "head-too-large");
  CHECK(parse("GET / HTTP/1.1\r\nHost: h\r\n" + std::string(21, 'a') + ": b\r\n\r\n", limits).status == 431);
  const std::string exact = "GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(200 - 32, 'a') + "\r\n\r\n";
  CHECK(exact.size() == 200 + 0);
  CHECK(parse(exact + "next", limits).code.empty());
}

TEST_CASE("Host") {
  CHECK(host("www.example.org").empty());
  CHECK(host("www.example.org:8080").empty());
  CHECK(host("www.example.org:").empty());
  CHECK(host("127.0.0.1:1").empty());
  CHECK(host("[::1]:443").empty());
  CHECK(host("[::1]").empty());
  CHECK(host("a_b.example").empty());
  for (const auto* bad : {"", "h:65536", "h:x", "h:-1", "h:1:2", "a b", "u@h", "h/", "h?x", "h#", "[::1", "[::1]x", "[v1.x]", "::1", "h,h", "h\\x",
                          "h%", "h%0d", "http://h", "\"h\"", "<h>"}) {
    INFO(bad);
    CHECK(host(bad) == "host-invalid");
  }
  CHECK(code("GET / HTTP/1.1\r\n\r\n") == "host-missing");
  CHECK(code("GET / HTTP/1.0\r\n\r\n").empty());
  CHECK(code("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n") == "host-repeated");
  CHECK(code(with("Host: h\r\n")) == "host-repeated");
  CHECK(code(with("host: h\r\n")) == "host-repeated");
}

TEST_CASE("Content-Length") {
  const auto length = [](std::string_view value) { return code(with("Content-Length: " + std::string(value) + "\r\n")); };
  CHECK(length("0").empty());
  CHECK(length("9223372036854775807").empty());
  for (const auto* bad : {"", "+5", "-5", "5, 5", "5,5", "5 5", "0x5", "5.0", "9223372036854775808", "18446744073709551616", "99999999999999999999", "a", "5;"}) {
    INFO(bad);
    CHECK(length(bad) == "content-length-invalid");
  }
  CHECK(code(with("Content-Length: 5\r\nContent-Length: 5\r\n")) == "content-length-repeated");
  CHECK(code(with("Content-Length: 5\r\ncontent-length: 6\r\n")) == "content-length-repeated");
  const auto out = parse(with("Content-Length: 42\r\n"));
  CHECK(out.parser.framing().kind == Framing::Kind::length);
  CHECK(out.parser.framing().length == 42);
}

TEST_CASE("Transfer-Encoding") {
  const auto coding = [](std::string_view value) { return code(with("Transfer-Encoding: " + std::string(value) + "\r\n")); };
  CHECK(coding("chunked").empty());
  CHECK(coding("Chunked").empty());
  CHECK(coding(" chunked ").empty());
  CHECK(coding("gzip, chunked") == "transfer-coding-unknown");
  CHECK(coding("identity, chunked") == "transfer-coding-unknown");
  CHECK(coding("chunked, chunked") == "chunked-repeated");
  CHECK(coding("chunked, gzip") == "chunked-not-last");
  CHECK(coding("gzip") == "chunked-not-last");
  CHECK(coding("identity") == "chunked-not-last");
  CHECK(coding("chunked;a=b") == "transfer-encoding-invalid");
  CHECK(coding("\"chunked\"") == "transfer-encoding-invalid");
  CHECK(coding("") == "transfer-encoding-invalid");
  CHECK(coding("chunked,") == "transfer-encoding-invalid");
  CHECK(coding(", chunked") == "transfer-encoding-invalid");
  CHECK(coding("xchunked") == "chunked-not-last");
  CHECK(coding("chunked x") == "transfer-encoding-invalid");
  CHECK(parse(with("Transfer-Encoding: gzip, chunked\r\n")).status == 501);
  CHECK(code(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")) == "chunked-repeated");
  CHECK(code(with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")) == "content-length-and-transfer-encoding");
  CHECK(code(with("Content-Length: 5\r\nTransfer-Encoding: identity\r\n")) == "content-length-and-transfer-encoding");
  CHECK(code("POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n") == "transfer-encoding-http-1.0");
  CHECK(code(with("Transfer-Encoding : chunked\r\n")) == "space-before-colon");
  CHECK(code(with("Transfer_Encoding: chunked\r\n")).empty());  // another field
  CHECK(parse(with("Transfer-Encoding: chunked\r\n")).parser.framing().kind == Framing::Kind::chunked);
}

TEST_CASE("Connection") {
  CHECK(parse(with("Connection: close\r\n")).parser.close());
  CHECK(parse(with("Connection: foo, CLOSE\r\n")).parser.close());
  CHECK(parse("GET / HTTP/1.0\r\n\r\n").parser.close());
  CHECK_FALSE(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").parser.close());
  CHECK(parse("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n").parser.close());
  CHECK(code(with("Connection: x-mine, te, upgrade\r\n")).empty());
  CHECK(code(with("Connection: a b\r\n")) == "connection-invalid");
  for (const auto* name : {"Host", "content-length", "Content-Foo", "Authorization", "cookie", "X-Forwarded-For", "x-forwarded-anything", "X-Real-IP",
                           "Forwarded", "X-Request-ID", "Cache-Control", "Transfer-Encoding", "Via", "If-None-Match", "Client-Cert-Chain"}) {
    INFO(name);
    CHECK(code(with("Connection: close, " + std::string(name) + "\r\n")) == "connection-names-forbidden");
  }
}

TEST_CASE("Expect and Upgrade") {
  CHECK(parse(with("Content-Length: 5\r\nExpect: 100-Continue\r\n")).parser.expect_continue());
  CHECK_FALSE(parse(with("Expect: 100-continue\r\n")).parser.expect_continue());  // nothing to wait for
  CHECK(parse(with("Expect: 200-ok\r\n")).status == 417);
  CHECK(code("POST / HTTP/1.0\r\nExpect: foo\r\nContent-Length: 1\r\n\r\n").empty());
  CHECK(parse(with("Connection: Upgrade\r\nUpgrade: WebSocket\r\n")).parser.upgrade_websocket());
  CHECK_FALSE(parse(with("Upgrade: websocket\r\n")).parser.upgrade_websocket());
  CHECK_FALSE(parse(with("Connection: upgrade\r\nUpgrade: h2c\r\n")).parser.upgrade_websocket());
  CHECK_FALSE(parse("POST / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n").parser.upgrade_websocket());
}

TEST_CASE("forms of the target") {
  CHECK(target_of("http://h/x?y") == "/x?y");
  CHECK(target_of("http://H:80/x") == "/x");
  CHECK(target_of("HTTPS://h:443") == "/");
  CHECK(target_of("http://h?y") == "/?y");
  CHECK(target_of("http://other/x") == "host-mismatch");
  CHECK(target_of("http://h:81/x") == "host-mismatch");
  CHECK(target_of("http://u@h/x") == "target-form");
  CHECK(target_of("ftp://h/x") == "target-form");
  CHECK(target_of("http:///x") == "target-form");
  CHECK(target_of("h/x") == "target-form");
  CHECK(target_of("h:443") == "target-form");
  CHECK(target_of("*") == "target-form");
  CHECK(parse("GET https://h/x HTTP/1.1\r\nHost: h\r\n\r\n").head.scheme() == "https");
  CHECK(parse("GET http://h/x HTTP/1.0\r\n\r\n").head.host() == "h");
  CHECK(parse("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").head.target() == "*");
  CHECK(parse("OPTIONS http://h HTTP/1.1\r\nHost: h\r\n\r\n").head.target() == "*");
  CHECK(parse("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n").status == 405);
  CHECK(code("TRACE / HTTP/1.1\r\nHost: h\r\n\r\n").empty());
}

TEST_CASE("paths of the target") {
  CHECK(target_of("/a/./b/../c") == "/a/c");
  CHECK(target_of("/a/..") == "/");
  CHECK(target_of("/..") == "target-above-root");
  CHECK(target_of("/a/../../b") == "target-above-root");
  CHECK(target_of("/%2e%2e/x") == "target-hidden-dots");
  CHECK(target_of("/a/..%2f..%2fx") == "target-hidden-dots");
  CHECK(target_of("/a%2F../x") == "target-hidden-dots");
  CHECK(target_of("/.%2e/x") == "target-hidden-dots");
  CHECK(target_of("/a%2") == "target-encoding");
  CHECK(target_of("/a%zz") == "target-encoding");
  CHECK(target_of("/a%00") == "target-nul");
  CHECK(target_of("/a?b=%zz&c=100%") == "/a?b=%zz&c=100%");
  CHECK(target_of("/a?b=../..") == "/a?b=../..");
  CHECK(target_of("/a#b") == "target-byte");
  CHECK(target_of("/a?b#c") == "target-byte");
  CHECK(target_of("/\xc3\xa4") == "target-byte");
  CHECK(target_of("/a\x7f") == "target-byte");
  CHECK(target_of("/a\x01") == "target-byte");
  CHECK(target_of("/@@x/++api++/;y//z%2Fw\\v") == "/@@x/++api++/;y//z%2Fw\\v");
  CHECK(target_of("/a.b/.c/...") == "/a.b/.c/...");
  CHECK(target_of("/%252e%252e/") == "/%252e%252e/");
}

TEST_CASE("the HTTP/2 preface is recognised") {
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  CHECK(http2_preface(preface + "x") == Preface::yes);
  for (std::size_t n = 0; n < preface.size(); ++n) CHECK(http2_preface(preface.substr(0, n)) == Preface::more);
  CHECK(http2_preface("PRI * HTTP/2.1") == Preface::no);
  CHECK(http2_preface("GET /") == Preface::no);
}

// Byte by byte, and in random parts, a request must be judged as it is whole; the earliest refusal may come before its end.
TEST_CASE("splitting changes nothing") {
  std::mt19937 random(42);
  const std::string good[] = {
      "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
      "\r\nPOST /a/../b?c HTTP/1.1\r\nHost: example.org\r\nContent-Length: 10\r\nX: " + std::string(300, 'y') + "\r\n\r\n0123456789",
      "GET http://h/x HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET",
      "OPTIONS * HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
  };
  const std::string noise = std::string("\r\n :\t\x01\x80") + '\0' + "aA/%#,;HTTP/1.1Content-Length: chunked";
  for (int round = 0; round < 4000; ++round) {
    std::string text = good[random() % std::size(good)];
    for (unsigned n = random() % 3; n > 0; --n) {
      const auto at = random() % text.size();
      const char c = noise[random() % noise.size()];
      if (random() % 2 == 0) text[at] = c;
      else text.insert(at, 1, c);
    }
    text += "\r\n\r\n";  // what is wrong is wrong at the latest when its line ends
    const auto whole = parse(text);
    RequestHeadParser parser;
    RequestHead head;
    std::string split_code;
    std::size_t size = 0;
    for (std::size_t end = 0; end <= text.size() && split_code.empty() && size == 0;) {
      const auto result = parser.parse(std::string_view(text).substr(0, end), {}, head);
      if (!result) split_code = result.error().reason.row->name;
      else size = *result;
      end += round % 2 == 0 ? 1 : 1 + random() % 40;
      if (end > text.size() && split_code.empty() && size == 0) {
        const auto last = parser.parse(text, {}, head);
        if (!last) split_code = last.error().reason.row->name;
        else size = *last;
      }
    }
    INFO(text);
    CHECK(split_code == whole.code);
    CHECK(size == whole.size);
    if (whole.code.empty() && size != 0) {
      CHECK(head.target() == whole.head.target());
      CHECK(head.block() == whole.head.block());
      CHECK(head.fields().size() == whole.head.fields().size());
      CHECK(parser.framing().kind == whole.parser.framing().kind);
      CHECK(parser.close() == whole.parser.close());
    }
  }
}
