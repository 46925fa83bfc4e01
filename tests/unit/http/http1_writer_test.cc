// SPDX-License-Identifier: BSD-2-Clause
#include "http/http1_writer.h"

#include <catch2/catch.hpp>

#include "http/hop_by_hop.h"

using namespace http;

namespace {

RequestHead request(std::string_view text) {
  RequestHeadParser parser;
  RequestHead head;
  const auto size = parser.parse(text, {}, head);
  REQUIRE(size);
  REQUIRE(*size > 0);
  return head;
}

std::string written(const RequestHead& head, Framing framing = {}, ConnectionField connection = ConnectionField::none) {
  net::Buffer out;
  write_request_head(out, head, framing, connection);
  return out.text();
}

}  // namespace

TEST_CASE("what is forwarded is re-made from what was parsed") {
  auto head = request("GET /a/../b HTTP/1.7\r\nHost: h\r\nA:  b \r\nC:d\r\nContent-Length: 3\r\nE: f\r\nConnection: close, x\r\nX: secret\r\nKeep-Alive: 5\r\nTE: trailers, gzip\r\nUpgrade: h2c\r\nG: h\r\n\r\n");
  remove_hop_by_hop(head);
  CHECK(written(head, {Framing::Kind::length, 3}) ==
        "GET /b HTTP/1.1\r\nHost: h\r\nA: b\r\nC: d\r\nE: f\r\nTE: trailers\r\nG: h\r\nContent-Length: 3\r\nConnection: TE\r\n\r\n");
}

TEST_CASE("edits and original lines mix in order") {
  auto head = request("GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n");
  head.set("B", "new");
  head.remove("C");
  head.add("E", "5");
  head.set_target("/else?where");
  CHECK(written(head) == "GET /else?where HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: new\r\nD: 4\r\nE: 5\r\n\r\n");
}

TEST_CASE("framing of requests") {
  CHECK(written(request("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), {Framing::Kind::chunked, 0}) == "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(written(request("POST / HTTP/1.1\r\nHost: h\r\n\r\n")) == "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
  CHECK(written(request("GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"), {}, ConnectionField::upgrade_websocket) ==
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
}

TEST_CASE("answers") {
  ResponseHead head(200);
  head.add("Content-Type", "text/html");
  head.add("Transfer-Encoding", "chunked");
  net::Buffer out;
  write_response_head(out, head, {Framing::Kind::length, 12}, ConnectionField::close);
  CHECK(out.text() == "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 12\r\nConnection: close\r\n\r\n");
  out.clear();
  write_response_head(out, ResponseHead(204), {Framing::Kind::length, 0}, ConnectionField::none);
  CHECK(out.text() == "HTTP/1.1 204 No Content\r\n\r\n");
  out.clear();
  write_response_head(out, ResponseHead(299), {Framing::Kind::chunked, 0}, ConnectionField::keep_alive);
  CHECK(out.text() == "HTTP/1.1 299 \r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n");
  out.clear();
  write_response_head(out, ResponseHead(304), {Framing::Kind::length, 77}, ConnectionField::none);
  CHECK(out.text() == "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n");
}

TEST_CASE("a head of many large fields") {
  ResponseHead head(200);
  std::string expected = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 200; ++i) {
    const std::string name = "Field-" + std::to_string(i), value(static_cast<std::size_t>(i) * 2, 'v');
    head.add(name, value);
    expected += name + ": " + value + "\r\n";
  }
  net::Buffer out;
  write_response_head(out, head, {}, ConnectionField::none);
  CHECK(out.text() == expected + "\r\n");
}

TEST_CASE("chunks") {
  net::Buffer out, body;
  body.append(std::string(300, 'x'));
  write_chunk(out, body, 260);
  CHECK(out.text() == "104\r\n" + std::string(260, 'x') + "\r\n");
  CHECK(body.size() == 40);
  out.clear();
  body.clear();
  write_chunk(out, body, 10);
  CHECK(out.empty());  // an empty chunk would end the body
  write_last_chunk(out, nullptr);
  CHECK(out.text() == "0\r\n\r\n");
  out.clear();
  ResponseHead trailers;
  trailers.add("X-Sum", "1");
  trailers.add("Content-Length", "5");
  write_last_chunk(out, &trailers);
  CHECK(out.text() == "0\r\nX-Sum: 1\r\n\r\n");
}

TEST_CASE("hop-by-hop fields of answers") {
  ResponseHead head(200);
  head.add("Connection", "close, Set-Cookie, content-length");
  head.add("Set-Cookie", "a=b");
  head.add("Content-Length", "5");
  head.add("Proxy-Authenticate", "x");
  head.add("Trailer", "x");
  head.add("ETag", "\"e\"");
  remove_hop_by_hop(head);
  CHECK(head.fields().size() == 2);
  CHECK(head.has(Token::content_length));
  CHECK(head.has(Token::etag));
}
