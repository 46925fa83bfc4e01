// SPDX-License-Identifier: BSD-2-Clause
// The flood guard alone: at which frame it says no, in whichever pieces the bytes come, and what honest clients may do.
#include <catch2/catch.hpp>

#include <nghttp2/nghttp2.h>

#include "h2_frames.h"
#include "http2/flood_guard.h"
#include "http2/reasons.h"

using h2_frames::frame;
using h2_frames::preface;
using http2::FloodGuard;
using std::chrono::seconds;
namespace reasons = http2::reasons;

namespace {

struct Bench {
  base::TimePoint now{};
  FloodGuard guard{now, 16 * 1024, 100};
  Bench() { CHECK(take(preface)); }
  bool take(std::string_view bytes) { return guard.admit(bytes, now) == bytes.size(); }
  // How many times `bytes` are taken.
  int taken(std::string_view bytes, int most = 1'000'000) {
    for (int i = 0; i < most; ++i)
      if (!take(bytes)) return i;
    return most;
  }
};

}  // namespace

TEST_CASE("each kind of flood ends at its frame") {
  struct Row {
    const char* what;
    std::string frame;
    int taken;
    const base::ReasonRow& row;
  };
  const std::vector<Row> rows = {
      {"resets", frame(NGHTTP2_RST_STREAM, 0, 1, std::string(4, '\0')), 200, reasons::rapid_reset},
      {"settings", frame(NGHTTP2_SETTINGS, 0, 0, ""), 50, reasons::settings_flood},
      {"pings", frame(NGHTTP2_PING, 0, 0, std::string(8, 'p')), 200, reasons::ping_flood},
      {"window updates", frame(NGHTTP2_WINDOW_UPDATE, 0, 0, std::string("\0\0\0\1", 4)), 4000, reasons::window_flood},
      {"priorities", frame(NGHTTP2_PRIORITY, 0, 1, std::string(5, '\0')), 1000, reasons::priority_flood},
      {"empty data", frame(NGHTTP2_DATA, 0, 1, ""), 500, reasons::empty_data},
      {"tiny data", frame(NGHTTP2_DATA, 0, 1, "x"), 50'000, reasons::tiny_data},
      {"tiny data in padding", frame(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, std::string("\2xpp")), 50'000, reasons::tiny_data},
      {"unknown frames", frame(0xbb, 0, 1, "whatever"), 1000, reasons::idle_frames},
      {"heads of old streams", frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, "\x82"), 1001, reasons::idle_frames},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    Bench bench;
    CHECK(bench.taken(row.frame) == row.taken);
    CHECK(bench.guard.verdict().row == &row.row);
  }
}

TEST_CASE("bytes may come in any pieces; what precedes the frame too many is taken") {
  const std::string one = frame(NGHTTP2_PING, 0, 0, std::string(8, 'p'));
  std::string all(preface);
  for (int i = 0; i < 300; ++i) all += one;
  const std::size_t good = preface.size() + 200 * one.size();
  FloodGuard whole({}, 16 * 1024, 100);
  CHECK(whole.admit(all, {}) == good);
  CHECK(whole.admit("more", {}) == 0);
  for (const std::size_t step : {1U, 3U, 9U, 16U, 17U, 1000U}) {
    FloodGuard guard({}, 16 * 1024, 100);
    std::size_t taken = 0;
    for (std::size_t at = 0; at < all.size() && !guard.verdict(); at += step) taken += guard.admit(std::string_view(all).substr(at, step), {});
    CHECK(guard.verdict().row == &reasons::ping_flood);
    CHECK(taken >= good);
    CHECK(taken < good + 9);  // never a whole head more
  }
}

TEST_CASE("a head has so many continuations, and heads so many bytes") {
  Bench bench;
  CHECK(bench.take(frame(NGHTTP2_HEADERS, 0, 1, "\x82")));
  CHECK(bench.taken(frame(NGHTTP2_CONTINUATION, 0, 1, "")) == static_cast<int>(bench.guard.continuations()));
  CHECK(bench.guard.verdict().row == &reasons::continuation_flood);

  Bench large;
  int heads = 0;
  for (std::uint32_t id = 1; large.take(frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id, std::string(16'384, 'h'))); id += 2) ++heads;
  CHECK(heads == 63);
  CHECK(large.guard.verdict().row == &reasons::head_bytes);

  Bench answered;
  for (std::uint32_t id = 1; id < 2001; id += 2) {
    CHECK(answered.take(frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id, std::string(16'384, 'h'))));
    answered.guard.answered();
  }
}

TEST_CASE("resets that the client provokes, streams it may not have") {
  Bench bench;
  for (int i = 0; i < 100; ++i) bench.guard.reset_sent(NGHTTP2_PROTOCOL_ERROR);
  for (int i = 0; i < 1000; ++i) bench.guard.reset_sent(NGHTTP2_INTERNAL_ERROR);
  for (int i = 0; i < 1000; ++i) bench.guard.reset_sent(NGHTTP2_NO_ERROR);
  CHECK_FALSE(bench.guard.verdict());
  SECTION("provoked") {
    bench.guard.reset_sent(NGHTTP2_FLOW_CONTROL_ERROR);
    CHECK(bench.guard.verdict().row == &reasons::provoked_resets);
  }
  SECTION("refused") {
    for (int i = 0; i < 1001; ++i) bench.guard.reset_sent(NGHTTP2_REFUSED_STREAM);
    CHECK(bench.guard.verdict().row == &reasons::refused_streams);
  }
  SECTION("after GOAWAY") {
    bench.guard.goaway_sent();
    std::uint32_t id = 1;
    while (bench.take(frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id, "\x82"))) id += 2;
    CHECK(id == 401);
    CHECK(bench.guard.verdict().row == &reasons::late_streams);
  }
}

TEST_CASE("heads that unfold") {
  Bench bench;
  CHECK(bench.guard.unfolded(100'000, 1000));
  CHECK_FALSE(bench.guard.unfolded(1'000'000, 1000));
  CHECK(bench.guard.verdict().row == &reasons::header_bomb);
  Bench many;
  CHECK_FALSE(many.guard.unfolded(1000, 5000));
}

TEST_CASE("time and work refill") {
  Bench bench;
  const std::string reset = frame(NGHTTP2_RST_STREAM, 0, 1, std::string(4, '\0'));
  const std::string ping = frame(NGHTTP2_PING, 0, 0, std::string(8, 'p'));
  const std::string update = frame(NGHTTP2_WINDOW_UPDATE, 0, 0, std::string("\0\0\0\1", 4));
  SECTION("a browser leaves page after page") {
    for (int page = 0; page < 100; ++page) {
      for (int i = 0; i < 50; ++i) CHECK(bench.take(reset));
      for (int i = 0; i < 20; ++i) bench.guard.answered();
      bench.now += seconds(4);
    }
  }
  SECTION("pings as they keep connections alive, and one a frame of a stream of data") {
    for (int i = 0; i < 1000; ++i) {
      CHECK(bench.take(ping));
      bench.now += seconds(1);
    }
    for (int i = 0; i < 100'000; ++i) {
      bench.guard.sent(100, true);
      CHECK(bench.take(ping));
    }
  }
  SECTION("two window updates for each small event, or for each KiB of a large answer") {
    for (int i = 0; i < 50'000; ++i) {
      bench.guard.sent(50, true);
      CHECK(bench.take(update + update));
    }
    for (int i = 0; i < 5'000; ++i) {
      bench.guard.sent(16'384, false);
      for (int k = 0; k < 16; ++k) CHECK(bench.take(update + update));
    }
  }
  SECTION("byte by byte is not taking answers") {
    int taken = 0;
    for (; taken < 100'000 && bench.take(update); ++taken) bench.guard.sent(1, false);
    CHECK(taken < 4100);
  }
  SECTION("an upload in pieces of ten bytes") {
    const std::string piece = frame(NGHTTP2_DATA, 0, 1, "ten bytes!");
    for (int second = 0; second < 60; ++second) {
      CHECK(bench.taken(piece, 10'000) == 10'000);
      bench.now += seconds(1);
    }
  }
  SECTION("no allowance grows beyond its burst") {
    bench.now += std::chrono::hours(24 * 365);
    for (int i = 0; i < 10'000; ++i) bench.guard.answered();
    CHECK(bench.taken(reset) == 200);
  }
}
