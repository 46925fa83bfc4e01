// SPDX-License-Identifier: BSD-2-Clause
#include "net/buffer.h"

#include <catch2/catch.hpp>

#include <cstring>
#include <random>

#include "support.h"

using net::Buffer;
using net_test::pattern;

namespace {
struct Counted final : net::SharedBytes {
  int count = 0;
  void retain() override { ++count; }
  void release() override { --count; }
};
}  // namespace

TEST_CASE("appending, reading and consuming over many blocks") {
  Buffer b;
  const std::string text = pattern(200'000);
  for (std::size_t at = 0; at < text.size(); at += 777) b.append(std::string_view(text).substr(at, 777));
  CHECK(b.size() == text.size());
  CHECK(b.text() == text);
  b.consume(100'001);
  CHECK(b.text() == text.substr(100'001));
  CHECK(b.front().substr(0, 3) == text.substr(100'001, 3));
  b.clear();
  CHECK(b.empty());
  CHECK(b.front().empty());
}

TEST_CASE("pull_up copies only what is not contiguous") {
  Buffer b;
  b.append_static("GET / ");
  b.append_static("HTTP/1.1\r\n");
  b.append_static("\r\n");
  CHECK(b.pull_up(6) == "GET / ");
  CHECK(b.pull_up(9) == "GET / HTT");
  CHECK(b.text() == "GET / HTTP/1.1\r\n\r\n");
  CHECK(b.pull_up(1000) == "GET / HTTP/1.1\r\n\r\n");

  Buffer grown;
  grown.append("abc");
  const char* before = grown.front().data();
  grown.append_static("def");
  grown.append_static("ghi");
  CHECK(grown.pull_up(7) == "abcdefg");
  CHECK(grown.front().data() == before);  // the rest was copied behind it
  CHECK(grown.text() == "abcdefghi");
  grown.consume(8);
  CHECK(grown.text() == "i");

  Buffer large;
  const std::string text = pattern(150'000);
  large.append(text);
  CHECK(large.pull_up(100'000) == text.substr(0, 100'000));
  CHECK(large.text() == text);
}

TEST_CASE("take moves pieces and slices blocks without copying") {
  Buffer from, to;
  const std::string text = pattern(10'000);
  from.append(text);
  const char* data = from.front().data();
  to.take(from, 4'000);
  CHECK(to.size() == 4'000);
  CHECK(from.size() == 6'000);
  CHECK(to.front().data() == data);
  CHECK(from.front().data() == data + 4'000);
  to.append("!");  // must not write into the bytes that `from` still shows
  CHECK(from.text() == text.substr(4'000));
  to.take(from);
  CHECK(from.empty());
  CHECK(to.text() == text.substr(0, 4'000) + "!" + text.substr(4'000));
}

TEST_CASE("the owner of bytes in the tail may grow, nobody else") {
  Buffer a, b;
  a.append(pattern(1'000));
  b.take(a, 600);  // a slice: the block is shared now
  a.append("tail");
  CHECK(a.text() == pattern(1'000).substr(600) + "tail");
  CHECK(b.text() == pattern(1'000).substr(0, 600));
  b.append("own");
  CHECK(b.text() == pattern(1'000).substr(0, 600) + "own");
  CHECK(a.text() == pattern(1'000).substr(600) + "tail");
}

TEST_CASE("small pieces are copied into the tail") {
  Buffer to, from;
  to.append("head ");
  from.append_static("body");
  to.take(from);
  iovec vectors[4];
  CHECK(to.iovecs(vectors) == 1);
  CHECK(to.text() == "head body");
}

TEST_CASE("shared pieces hold their owner") {
  Counted owner;
  const std::string text = pattern(6'000);
  {
    Buffer a, b;
    a.append_shared(text, owner);
    CHECK(owner.count == 1);
    b.append("x");
    b.take(a, 3'000);
    CHECK(owner.count == 2);
    b.consume(3'001);
    CHECK(owner.count == 1);
    CHECK(a.front().data() == text.data() + 3'000);
    Buffer c = std::move(a);
    CHECK(owner.count == 1);
  }
  CHECK(owner.count == 0);
}

TEST_CASE("a small text behind somebody else's memory takes a small block") {
  Buffer buffer;
  buffer.append_static("a large answer that lies elsewhere");
  buffer.append("its last bytes");
  CHECK(buffer.reserve(1).size() < 4096);
  buffer.append(std::string(4096, 'x'));
  CHECK(buffer.reserve(1).size() > 8192);  // more seems to follow
}

TEST_CASE("file ranges stop iovecs and are sliced") {
  const auto file = net_test::temp_file(pattern(1'000));
  Buffer b;
  b.append("head");
  b.append_file(file, 100, 300);
  b.append("tail");
  CHECK(b.size() == 308);
  iovec vectors[8];
  CHECK(b.iovecs(vectors) == 1);
  Buffer::FileFront front;
  CHECK_FALSE(b.front_file(front));
  Buffer out;
  out.take(b, 54);
  CHECK(out.size() == 54);
  REQUIRE(b.front_file(front));
  CHECK(front.offset == 150);
  CHECK(front.length == 250);
  CHECK(b.front().empty());
  std::string all(254, 0);
  int error = -1;
  CHECK(b.peek(all, error) == 254);
  CHECK(all == pattern(1'000).substr(150, 250) + "tail");
  b.consume(250);
  CHECK(b.text() == "tail");
  CHECK(file.use_count() == 2);
  out.clear();
  CHECK(file.use_count() == 1);
}

TEST_CASE("peek tells a file that became shorter") {
  const auto file = net_test::temp_file("0123456789");
  Buffer b;
  b.append_file(file, 5, 10);
  std::string out(10, 0);
  int error = -1;
  CHECK(b.peek(out, error) == 5);
  CHECK(error == 0);
}

TEST_CASE("reserve and commit receive into blocks; an unused block is given back") {
  Buffer b;
  auto room = b.reserve(100, net::block_size);
  CHECK(room.size() >= net::block_size);
  std::memcpy(room.data(), "hello", 5);
  b.commit(5);
  CHECK(b.text() == "hello");
  room = b.reserve(100);
  CHECK(room.data() == b.front().data() + 5);
  b.commit(0);
  CHECK(b.text() == "hello");
  b.consume(5);
  CHECK(b.empty());
  room = b.reserve(100'000);
  CHECK(room.size() >= 100'000);
  b.commit(0);
  CHECK(b.empty());
  iovec vectors[1];
  CHECK(b.iovecs(vectors) == 0);
}

TEST_CASE("blocks come back from the thread's free list") {
  net::Block* block = net::Block::allocate(1000);
  CHECK(block->capacity >= 1000);
  CHECK(block->references == 1);
  block->retain();
  block->release();
  CHECK(block->references == 1);
  block->release();
}

TEST_CASE("random operations agree with a string") {
  std::mt19937 random(4711);
  Counted owner;
  const std::string text = pattern(70'000);
  for (int run = 0; run < 50; ++run) {
    Buffer a, b;
    std::string sa, sb;
    for (int step = 0; step < 200; ++step) {
      const std::size_t n = random() % (step % 10 == 0 ? 40'000 : 900);
      const std::string_view part = std::string_view(text).substr(random() % 1000, n);
      switch (random() % 8) {
        case 0: a.append(part), sa += part; break;
        case 1: a.append_shared(part, owner), sa += part; break;
        case 2: a.append_static(part), sa += part; break;
        case 3: {
          const std::size_t m = std::min(n, sa.size());
          b.take(a, n), sb += sa.substr(0, m), sa.erase(0, m);
          break;
        }
        case 4: {
          const std::size_t m = std::min(n, sb.size());
          b.consume(m), sb.erase(0, m);
          break;
        }
        case 5: CHECK(a.pull_up(n) == std::string_view(sa).substr(0, n)); break;
        case 6: {
          auto room = a.reserve(n + 1);
          const std::size_t m = std::min(room.size(), part.size());
          std::memcpy(room.data(), part.data(), m), a.commit(m), sa += part.substr(0, m);
          break;
        }
        case 7: std::swap(a, b), std::swap(sa, sb); break;
      }
      REQUIRE(a.size() == sa.size());
      REQUIRE(b.size() == sb.size());
      REQUIRE(a.owned() <= a.size());
      REQUIRE(b.owned() <= b.size());
    }
    // With nothing left, nothing is owned: the count went along with every piece.
    while (a.size() > 0) a.consume(std::min<std::size_t>(a.size(), 777));
    b.take(a);
    b.consume(b.size());
    REQUIRE(a.owned() + b.owned() == 0);
    a.append_static(text);
    REQUIRE(a.owned() == 0);
    a.append("x");
    REQUIRE(a.owned() == 1);
    sa = text + "x", sb.clear();
    REQUIRE(a.text() == sa);
    REQUIRE(b.text() == sb);
  }
  CHECK(owner.count == 0);
}
