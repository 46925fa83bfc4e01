// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <thread>

#include "base/clock.h"
#include "net/mailbox.h"
#include "tests/unit/cachenode/store_helpers.h"

using namespace cachenode::store;

namespace {

std::string pattern(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  return text;
}

}  // namespace

TEST_CASE("a body is read as it was written, across blocks of every size") {
  StoreFixture f(64 << 20);
  CountingTask task(f.loop, f.owner);
  for (const std::size_t size : {0, 1, 200, 4096, 65536, 300000}) {
    for (const std::uint64_t expected : {std::uint64_t{0}, std::uint64_t{size}}) {
      const std::string text = pattern(size);
      Ref<Body> body = f.store.new_body(expected);
      for (std::size_t at = 0; at < size; at += 1777) REQUIRE(body->append(std::string_view(text).substr(at, 1777), 0) == std::min<std::size_t>(1777, size - at));
      CHECK(f.read(body, task) == text + "|wait");
      body->complete(0);
      CHECK(f.read(body, task) == text);
    }
  }
}

TEST_CASE("a range of a body is read without the rest") {
  StoreFixture f;
  CountingTask task(f.loop, f.owner);
  Ref<Body> body = f.store.new_body(0);
  const std::string text = pattern(200000);
  REQUIRE(body->append(text, 0) == text.size());
  body->complete(0);
  BodyReader reader;
  REQUIRE(reader.attach(body, 70000, 140001, 0, task));
  std::string out;
  for (auto next = reader.next(1000); next.state == BodyReader::State::span; next = reader.next(1000)) out += next.bytes;
  CHECK(out == text.substr(70000, 70001));
}

TEST_CASE("one message a worker wakes all of its readers, none for a worker without any") {
  StoreFixture f;
  CountingTask task(f.loop, f.owner);
  Ref<Body> body = f.store.new_body(0);
  std::array<BodyReader, 20> readers;
  for (BodyReader& r : readers) {
    REQUIRE(r.attach(body, 0, UINT64_MAX, 1, task));
    CHECK(r.next(10).state == BodyReader::State::wait);
  }
  body->append("x", 0);
  CHECK(f.doors.waiting() == 1);
  body->append("y", 0);
  CHECK(f.doors.waiting() == 1);  // disarmed: nobody waits any more
  f.doors.deliver();
  f.loop.drain();
  CHECK(task.runs == 1);
  CHECK(readers[0].next(10).bytes == "xy");
}

TEST_CASE("the writer's own worker is rung without a message") {
  StoreFixture f;
  CountingTask task(f.loop, f.owner);
  Ref<Body> body = f.store.new_body(0);
  BodyReader reader;
  REQUIRE(reader.attach(body, 0, UINT64_MAX, 0, task));
  CHECK(reader.next(10).state == BodyReader::State::wait);
  body->complete(0);
  CHECK(f.doors.waiting() == 0);
  f.loop.drain();
  CHECK(task.runs == 1);
  CHECK(reader.next(10).state == BodyReader::State::end);
}

TEST_CASE("a window is paced by its slowest reader, frees what was read and takes no newcomers") {
  StoreFixture f(64 << 20);
  CountingTask task(f.loop, f.owner);
  Ref<Body> body = f.store.new_body(0);
  BodyReader fast, slow;
  REQUIRE(fast.attach(body, 0, UINT64_MAX, 0, task));
  REQUIRE(slow.attach(body, 0, UINT64_MAX, 0, task));
  body->become_window();
  BodyReader late;
  CHECK_FALSE(late.attach(body, 0, UINT64_MAX, 0, task));
  const std::string text = pattern(4 << 20);
  std::size_t written = 0;
  std::string got;
  auto write = [&] { written += body->append(std::string_view(text).substr(written), 0); };
  auto read = [&](BodyReader& r, std::string* into) {
    for (auto next = r.next(SIZE_MAX); next.state == BodyReader::State::span; next = r.next(SIZE_MAX))
      if (into) *into += next.bytes;
  };
  write();
  read(fast, nullptr);
  write();
  CHECK(written >= Body::window_bytes);
  CHECK(written < Body::window_bytes + 128 * 1024);  // the slow one has read nothing
  CHECK(body->window_full());
  for (int i = 0; i < 100 && written < text.size(); ++i) {
    read(slow, &got);
    read(fast, nullptr);
    write();
    CHECK(body->held_bytes() < 2 * Body::window_bytes);
  }
  CHECK(written == text.size());
  body->complete(0);
  read(slow, &got);
  CHECK(got == text);
}

TEST_CASE("who stalls while others wait is cut, who is alone is not") {
  StoreFixture f(64 << 20);
  CountingTask task(f.loop, f.owner);
  Ref<Body> body = f.store.new_body(0);
  auto fast = std::make_unique<BodyReader>();
  BodyReader slow;
  REQUIRE(fast->attach(body, 0, UINT64_MAX, 0, task));
  REQUIRE(slow.attach(body, 0, UINT64_MAX, 0, task));
  body->append("abc", 0);
  CHECK(fast->next(3).bytes == "abc");
  CHECK(body->cut_slowest(0));
  CHECK(slow.next(3).state == BodyReader::State::broken);
  CHECK_FALSE(body->cut_slowest(0));
  CHECK(fast->next(3).state == BodyReader::State::wait);
}

TEST_CASE("memory is kept while a piece of it is being sent") {
  StoreFixture f;
  CountingTask task(f.loop, f.owner);
  net::Buffer sending;
  {
    Ref<Body> body = f.store.new_body(9000);
    body->append(pattern(9000), 0);
    body->complete(0);
    BodyReader reader;
    REQUIRE(reader.attach(body, 0, UINT64_MAX, 0, task));
    const auto next = reader.next(SIZE_MAX);
    sending.append_shared(next.bytes, *next.owner);
  }
  CHECK(sending.text() == pattern(9000));
}

namespace {

// Reads whole bodies on a thread of its own, as a worker does.
class ReadingTask final : public net::Task {
 public:
  ReadingTask(net::EventLoop& loop, net::TaskOwner& owner, Ref<Body> body, unsigned worker) : net::Task(loop, owner) {
    attached = reader.attach(std::move(body), 0, UINT64_MAX, worker, *this);
  }
  BodyReader reader;
  std::string got;
  bool attached = false, ended = false;
  int* left = nullptr;  // readers of the loop that have not ended

 protected:
  Step run() override {
    for (;;) {
      const auto next = reader.next(5000);
      if (next.state == BodyReader::State::span) {
        got += next.bytes;
        continue;
      }
      ended = next.state != BodyReader::State::wait;
      if (ended && --*left == 0) loop().stop();
      return Step::wait;
    }
  }
};

// Ends its loop's run() when it is rung.
class StoppingTask final : public net::Task {
 public:
  StoppingTask(net::EventLoop& loop, net::TaskOwner& owner) : net::Task(loop, owner) {}

 protected:
  Step run() override {
    loop().stop();
    return Step::wait;
  }
};

class LoopDoors final : public Doors {
 public:
  std::vector<net::EventLoop*> loops;
  unsigned workers() const override { return static_cast<unsigned>(loops.size()); }
  void post(unsigned worker, net::Message message) override { loops[worker]->mailbox().post(std::move(message)); }
};

}  // namespace

TEST_CASE("readers on two workers get every byte while a third thread writes, stored or windowed") {
  for (const bool window : {false, true}) {
    base::SystemClock clock0, clock1, clock2;
    net::EventLoop loop0(clock0), loop1(clock1), loop2(clock2);
    LoopDoors doors;
    doors.loops = {&loop0, &loop1, &loop2};
    Store store({64 << 20}, doors);
    Ref<Body> body = store.new_body(0);
    TestOwner owner;
    const std::string text = pattern(3'000'000);
    std::vector<std::unique_ptr<ReadingTask>> tasks;
    for (unsigned w = 0; w < 2; ++w)
      for (int i = 0; i < 5; ++i) tasks.push_back(std::make_unique<ReadingTask>(*doors.loops[w], owner, body, w));
    if (window) body->become_window();
    int left[2] = {5, 5};
    auto serve = [&](unsigned w) {
      for (std::size_t i = w * 5; i < w * 5 + 5; ++i) {
        tasks[i]->left = &left[w];
        tasks[i]->ring();
      }
      doors.loops[w]->run();
    };
    std::thread worker0(serve, 0u), worker1(serve, 1u);
    StoppingTask writer(loop2, owner);
    Waiter space;
    space.task = &writer;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t n = body->append(std::string_view(text).substr(at, 7001), 2);
      at += n;
      if (n) continue;
      body->arm_space(2, space);
      if (body->window_full()) loop2.run();
    }
    body->complete(2);
    worker0.join();
    worker1.join();
    for (auto& task : tasks) CHECK(task->got == text);
    tasks.clear();
    space.unlink();
    body.reset();
  }
}
