// SPDX-License-Identifier: BSD-2-Clause
#include "http/body_decoder.h"

#include <catch2/catch.hpp>
#include <random>

#include "http/reasons.h"

using namespace http;

namespace {

struct Outcome {
  std::string code;
  std::string body;
  std::string rest;
  bool complete = false;
};

// `parts`: how many bytes arrive at once; 0: all.
Outcome decode(BodyDecoder& decoder, std::string_view wire, std::size_t parts = 0, std::size_t max = SIZE_MAX) {
  net::Buffer input, body;
  Outcome out;
  while (true) {
    const auto n = parts == 0 ? wire.size() : std::min(parts, wire.size());
    input.append(wire.substr(0, n));
    wire.remove_prefix(n);
    for (std::size_t before = SIZE_MAX; before != input.size();) {
      before = input.size();
      const auto done = decoder.decode(input, body, max);
      if (!done) {
        out.code = done.error().reason.code();
        return out;
      }
      out.complete = *done;
      if (out.complete) break;
    }
    if (out.complete || wire.empty()) break;
  }
  out.body = body.text();
  out.rest = input.text() + std::string(wire);
  return out;
}

Outcome chunked(std::string_view wire, std::size_t parts = 0, const BodyLimits& limits = {}) {
  BodyDecoder decoder;
  decoder.start({Framing::Kind::chunked, 0}, limits);
  return decode(decoder, wire, parts);
}

}  // namespace

TEST_CASE("a body of known length leaves the next message") {
  BodyDecoder decoder;
  decoder.start({Framing::Kind::length, 5});
  const auto out = decode(decoder, "helloGET /");
  CHECK(out.complete);
  CHECK(out.body == "hello");
  CHECK(out.rest == "GET /");
  CHECK(decoder.received() == 5);
  decoder.start({Framing::Kind::length, 0});
  CHECK(decoder.complete());
}

TEST_CASE("chunks, whole and byte by byte") {
  const std::string wire = "5\r\nhello\r\n6;a=b;c=\"d;\\\"e\"\r\n world\r\n00\r\nX-Sum: 1\r\nContent-Length: 7\r\n\r\nnext";
  for (const std::size_t parts : {0, 1, 2, 3, 7}) {
    BodyDecoder decoder;
    decoder.start({Framing::Kind::chunked, 0});
    const auto out = decode(decoder, wire, parts);
    CHECK(out.code.empty());
    CHECK(out.complete);
    CHECK(out.body == "hello world");
    CHECK(out.rest == "next");
    CHECK(decoder.trailers().get("x-sum") == "1");
    CHECK_FALSE(decoder.trailers().has(Token::content_length));
  }
}

TEST_CASE("the most that is asked for is not exceeded") {
  BodyDecoder decoder;
  decoder.start({Framing::Kind::chunked, 0});
  net::Buffer input, body;
  input.append("a\r\n0123456789\r\n0\r\n\r\n");
  auto done = decoder.decode(input, body, 4);
  REQUIRE(done);
  CHECK_FALSE(*done);
  CHECK(body.text() == "0123");
  done = decoder.decode(input, body, 100);
  REQUIRE(done);
  CHECK(*done);
  CHECK(body.text() == "0123456789");
}

TEST_CASE("bad chunks") {
  CHECK(chunked("x\r\n").code == "chunk-size");
  CHECK(chunked("\r\n").code == "chunk-size");
  CHECK(chunked("-1\r\n").code == "chunk-size");
  CHECK(chunked("+1\r\n").code == "chunk-size");
  CHECK(chunked("0x1\r\n").code == "chunk-size");
  CHECK(chunked(" 1\r\n").code == "chunk-size");
  CHECK(chunked("1 \r\na\r\n").code == "chunk-size");
  CHECK(chunked("1\na\r\n").code == "bare-lf");
  CHECK(chunked("1\r\nab\r\n").code == "chunk-end");
  CHECK(chunked("1\r\na\n0\r\n\r\n").code == "chunk-end");
  CHECK(chunked("1\r\na\r\r\n").code == "chunk-end");
  CHECK(chunked("ffffffffffffffff\r\n").code == "chunk-size-overflow");
  CHECK(chunked("8000000000000000\r\n").code == "chunk-size-overflow");
  CHECK(chunked("00000000000000001\r\n").code == "chunk-size-overflow");
  CHECK(chunked("7fffffffffffffff\r\n").code.empty());
  CHECK(chunked("1;\r\na\r\n").code == "chunk-extension");
  CHECK(chunked("1;a=\r\na\r\n").code == "chunk-extension");
  CHECK(chunked("1;a=\"b\r\na\r\n").code == "chunk-extension");
  CHECK(chunked("1;a b\r\na\r\n").code == "chunk-extension");
  CHECK(chunked("1;a=\x01\r\na\r\n").code == "chunk-extension");
  CHECK(chunked("1;a=b\rc\r\na\r\n").code == "chunk-extension");
  CHECK(chunked("1 ; a = b\r\na\r\n0\r\n\r\n").body == "a");
  CHECK(chunked("1;" + std::string(2000, 'a') + "\r\n").code == "chunk-line-too-long");
  CHECK(chunked("1;" + std::string(2000, 'a')).code == "chunk-line-too-long");
  std::string many;
  for (int i = 0; i < 20; ++i) many += "1;" + std::string(1000, 'a') + "\r\nb\r\n";
  CHECK(chunked(many).code == "chunk-extensions-too-large");
}

TEST_CASE("bad trailers") {
  CHECK(chunked("0\r\nA : b\r\n\r\n").code == "space-before-colon");
  CHECK(chunked("0\r\nA: b\r\n c\r\n\r\n").code == "obs-fold");
  CHECK(chunked("0\r\nA: b\n\r\n").code == "bare-lf");
  CHECK(chunked("0\r\nA: " + std::string(9000, 'x') + "\r\n\r\n").code == "trailers-too-large");
  CHECK(chunked("0\r\nA: " + std::string(9000, 'x')).code == "trailers-too-large");
  std::string many = "0\r\n";
  for (int i = 0; i < 51; ++i) many += "A: b\r\n";
  CHECK(chunked(many + "\r\n").code == "trailers-too-large");
  CHECK(chunked("0\r\n\n").code == "bare-lf");
}

TEST_CASE("an upstream's errors are its own") {
  BodyLimits limits;
  limits.side = base::Side::upstream;
  BodyDecoder decoder;
  decoder.start({Framing::Kind::chunked, 0}, limits);
  CHECK(decode(decoder, "x\r\n").code == "upstream-body:chunk-size");
  decoder.start({Framing::Kind::length, 5}, limits);
  decode(decoder, "abc");
  const auto end = decoder.finish_at_eof();
  REQUIRE_FALSE(end);
  CHECK(end.error().reason.is(reasons::upstream_cut_short));
  CHECK(end.error().reason.row->status == 502);
}

TEST_CASE("the end of a connection") {
  BodyDecoder decoder;
  decoder.start({Framing::Kind::until_close, 0});
  CHECK(decode(decoder, "abc").body == "abc");
  CHECK_FALSE(decoder.complete());
  CHECK(decoder.finish_at_eof().value());
  CHECK(decoder.complete());
  decoder.start({Framing::Kind::chunked, 0});
  decode(decoder, "5\r\nhello\r\n0\r\n");
  CHECK_FALSE(decoder.finish_at_eof());
}

TEST_CASE("random chunkings give the body back") {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::string body, wire;
    for (unsigned n = random() % 8; n > 0; --n) {
      const std::string piece(1 + random() % 3000, static_cast<char>('a' + random() % 26));
      char size[20];
      std::snprintf(size, sizeof size, round % 2 ? "%zx" : "%zX", piece.size());
      wire += std::string(size) + "\r\n" + piece + "\r\n";
      body += piece;
    }
    wire += "0\r\n\r\n";
    const auto out = chunked(wire + "rest", 1 + random() % 500);
    CHECK(out.complete);
    CHECK(out.body == body);
    CHECK(out.rest == "rest");
  }
}
