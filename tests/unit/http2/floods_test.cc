// SPDX-License-Identifier: BSD-2-Clause
// Floods of HTTP/2 against a whole session: each ends its connection at a bounded number of frames, by its name, with ENHANCE_YOUR_CALM;
// exchanges and others are not hurt.
#include <catch2/catch.hpp>

#include <functional>

#include "../http/engine_harness.h"
#include "h2_client.h"
#include "h2_frames.h"

using engine_test::Bench;
using h2_frames::field;
using h2_frames::frame;
using h2_frames::get;
using h2_frames::number;

namespace {

constexpr int end_headers = NGHTTP2_FLAG_END_HEADERS, end_stream = NGHTTP2_FLAG_END_STREAM;

struct Flooder {
  explicit Flooder(Bench& bench, bool acknowledge = true) : bench_(bench) {
    bench.listener.http1 = false;
    bench.listener.http2 = true;
    bench.connections.set_http2(http2::session_factory());
    wire = bench.client();
    std::string first(h2_frames::preface);
    first += frame(NGHTTP2_SETTINGS, 0, 0, "");
    if (acknowledge) first += frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, "");
    wire->send(first);
    bench.settle();
  }
  // Sends `make(i)` until the connection has ended; how often.
  int flood(const std::function<std::string(int)>& make, int most = 100'000) {
    for (int i = 0; i < most; ++i) {
      if (wire->ended()) return i;
      wire->send(make(i));
      if (i % 16 == 0) bench_.settle();
    }
    return most;
  }
  // The code of the last GOAWAY, or -1.
  int goaway() {
    const std::string& in = wire->received();
    int code = -1;
    for (std::size_t at = 0; at + 9 <= in.size();) {
      const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(in[at + i])); };
      const std::size_t length = byte(0) << 16 | byte(1) << 8 | byte(2);
      if (in[at + 3] == NGHTTP2_GOAWAY) code = static_cast<int>(byte(9 + 4 + 3));
      at += 9 + length;
    }
    return code;
  }
  std::unique_ptr<engine_test::Wire> wire;

 private:
  Bench& bench_;
};

std::string id_of(int i) { return number(static_cast<std::uint32_t>(2 * i + 1), 4); }
std::uint32_t stream(int i) { return static_cast<std::uint32_t>(2 * i + 1); }

}  // namespace

TEST_CASE("floods end their connection and nobody else's") {
  struct Row {
    const char* what;
    std::function<std::string(int)> make;
    int most;
    const char* notice;
    std::string before = {};
  };
  const std::string open_post = frame(NGHTTP2_HEADERS, end_headers, 1, "\x83\x84\x86" + field(":authority", "h.example"));
  const auto request = [](int i, int flags, const std::string& more = {}) { return frame(NGHTTP2_HEADERS, flags, stream(i), get() + more); };
  const std::vector<Row> rows = {
      {"rapid reset", [&](int i) { return request(i, end_headers | end_stream) + frame(NGHTTP2_RST_STREAM, 0, stream(i), number(8, 4)); }, 240,
       "h2-rapid-reset"},
      {"a window that overflows",
       [&](int i) { return request(i, end_headers) + frame(NGHTTP2_WINDOW_UPDATE, 0, stream(i), number(0x7fffffff, 4)); }, 140, "h2-provoked-resets"},
      {"malformed fields", [&](int i) { return request(i, end_headers | end_stream, field("connection", "close")); }, 140, "h2-provoked-resets"},
      {"nameless fields", [&](int i) { return request(i, end_headers | end_stream, std::string("\0\0\0", 3)); }, 140, "h2-provoked-resets"},
      {"more body than declared",
       [&](int i) { return request(i, end_headers, field("content-length", "1")) + frame(NGHTTP2_DATA, end_stream, stream(i), "12"); }, 140,
       "h2-provoked-resets"},
      {"a window of nothing", [&](int i) { return request(i, end_headers) + frame(NGHTTP2_WINDOW_UPDATE, 0, stream(i), number(0, 4)); }, 40,
       "h2-protocol-error"},
      {"data after the end", [&](int i) { return request(i, end_headers | end_stream) + frame(NGHTTP2_DATA, 0, stream(i), "x"); }, 40, "h2-protocol-error"},
      {"depends on itself", [&](int i) { return request(i, end_headers) + frame(NGHTTP2_PRIORITY, 0, stream(i), id_of(i) + "\x10"); }, 40,
       "h2-protocol-error"},
      {"too many streams", [&](int i) { return request(i, end_headers | end_stream); }, 200, "h2-protocol-error"},
      {"continuations", [](int) { return frame(NGHTTP2_CONTINUATION, 0, 1, "\x82"); }, 60, "h2-continuation-flood", frame(NGHTTP2_HEADERS, 0, 1, "\x82")},
      {"settings", [](int) { return frame(NGHTTP2_SETTINGS, 0, 0, std::string("\0\4\0\0\0\0", 6)); }, 90, "h2-settings-flood"},
      {"pings", [](int) { return frame(NGHTTP2_PING, 0, 0, "12345678"); }, 240, "h2-ping-flood"},
      {"empty data", [](int) { return frame(NGHTTP2_DATA, 0, 1, ""); }, 540, "h2-empty-data-flood", open_post},
      {"priorities", [](int i) { return frame(NGHTTP2_PRIORITY, 0, stream(i), std::string("\0\0\0\0\x10", 5)); }, 1040, "h2-priority-flood"},
      {"window updates", [](int) { return frame(NGHTTP2_WINDOW_UPDATE, 0, 0, number(1, 4)); }, 4040, "h2-window-update-flood"},
      {"unknown frames", [](int) { return frame(0x42, 0, 0, "what?"); }, 1040, "h2-frame-flood"},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    Bench bench;
    Flooder flooder(bench);
    flooder.wire->send(row.before);
    const int frames = flooder.flood(row.make);
    CHECK(frames <= row.most);
    CHECK(bench.proxy.notices == std::vector<std::string>{row.notice});
    CHECK((flooder.goaway() == NGHTTP2_ENHANCE_YOUR_CALM) == (bench.proxy.notices.at(0) != "h2-protocol-error"));
    http2_test::Client other(bench);
    const auto id = other.request(http2_test::Client::get("/"));
    REQUIRE_FALSE(bench.servers.empty());
    bench.servers.back()->send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    other.exchange();
    CHECK(other.answer(id).body == "ok");
    flooder.wire->close();
    bench.pass(std::chrono::seconds(5));
    CHECK(bench.connections.count() == 1);
  }
}

TEST_CASE("a head that unfolds to more than anybody needs") {
  Bench bench;
  Flooder flooder(bench);
  // A field of 4000 bytes into the table, then one byte for each use of it.
  std::string bomb = get();
  bomb += '\x40';
  bomb += field("x-bomb", std::string(4000, 'b')).substr(1);
  bomb += std::string(10'000, '\xbe');
  flooder.wire->send(frame(NGHTTP2_HEADERS, end_headers | end_stream, 1, bomb));
  bench.settle();
  CHECK(flooder.wire->ended());
  CHECK(flooder.goaway() == NGHTTP2_ENHANCE_YOUR_CALM);
  CHECK(bench.proxy.notices == std::vector<std::string>{"h2-header-bomb"});
  CHECK(bench.servers.empty());
}

TEST_CASE("a large cookie gets its answer, not a closed connection; its crumbs are one field") {
  Bench bench;
  http2_test::Client client(bench);
  http2_test::Fields crumbs;
  for (int i = 0; i < 300; ++i) crumbs.emplace_back("cookie", "c" + std::to_string(i) + "=v");
  client.request(http2_test::Client::get("/", crumbs));
  CHECK(bench.servers.size() == 1);
  for (int i = 0; i < 300; ++i) crumbs.emplace_back("cookie", "c" + std::to_string(i) + "=" + std::string(100, 'v'));
  CHECK(client.answer(client.request(http2_test::Client::get("/", crumbs))).status == "431");
  CHECK(bench.servers.size() == 1);
  CHECK_FALSE(client.went_away());
}

TEST_CASE("a client that sends and does not read") {
  Bench bench({}, 4096);
  Flooder flooder(bench, false);
  flooder.wire->pause();
  int i = 0;
  for (; i < 5000 && bench.proxy.notices.empty(); ++i) {
    flooder.wire->send(frame(NGHTTP2_HEADERS, end_headers | end_stream, stream(i), get() + field("connection", "close")));
    bench.settle();
  }
  CHECK(i < 2500);
  CHECK(bench.proxy.notices.size() == 1);
}

TEST_CASE("streams that were reset count until their exchanges have ended") {
  Bench bench;
  Flooder flooder(bench);
  for (int i = 0; i < 199; ++i) {
    flooder.wire->send(frame(NGHTTP2_HEADERS, end_headers | end_stream, stream(i), get()));
    bench.settle();
    flooder.wire->send(frame(NGHTTP2_RST_STREAM, 0, stream(i), number(8, 4)));
    bench.settle();
  }
  CHECK(bench.proxy.ends.size() == 199);
  CHECK(bench.proxy.notices.empty());
}

TEST_CASE("somebody leaves a page: fifty streams reset, again and again") {
  Bench bench;
  http2_test::Client client(bench);
  for (int page = 0; page < 20; ++page) {
    std::vector<std::int32_t> ids;
    for (int i = 0; i < 50; ++i) ids.push_back(client.request(http2_test::Client::get("/")));
    for (const auto id : ids) client.reset(id);
    bench.pass(std::chrono::seconds(5));
    bench.servers.clear();
    client.exchange();
  }
  CHECK_FALSE(client.went_away());
  CHECK(bench.proxy.notices.empty());
}

TEST_CASE("pings do not keep an idle connection") {
  Bench bench;
  Flooder flooder(bench);
  for (int i = 0; i < 13; ++i) {
    flooder.wire->send(frame(NGHTTP2_PING, 0, 0, "12345678"));
    bench.pass(std::chrono::seconds(5));
  }
  CHECK(bench.proxy.notices == std::vector<std::string>{"idle-timeout"});
}
