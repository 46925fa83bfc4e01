// SPDX-License-Identifier: BSD-2-Clause
#include "net/event_loop.h"

#include <catch2/catch.hpp>

#include <fcntl.h>

#include <atomic>
#include <random>
#include <thread>

#include "net/descriptor.h"
#include "net/mailbox.h"
#include "net/worker.h"
#include "support.h"

using namespace std::chrono_literals;
using net::EventLoop;
using net::Task;
using net_test::LambdaTask;
using net_test::Owner;

TEST_CASE("ringing twice is ringing once; own rings run in the next round") {
  base::FakeClock clock;
  EventLoop loop(clock);
  Owner owner;
  LambdaTask once(loop, owner);
  LambdaTask thrice(loop, owner, [](LambdaTask& t) {
    if (t.runs < 3) t.ring();
    return Task::Step::wait;
  });
  once.ring();
  once.ring();
  thrice.ring();
  CHECK(loop.ready_count() == 2);
  loop.drain();
  CHECK(once.runs == 1);
  CHECK(thrice.runs == 3);
}

TEST_CASE("again runs in the next round, so that others have their turn") {
  base::FakeClock clock;
  EventLoop loop(clock);
  Owner owner;
  std::string order;
  LambdaTask greedy(loop, owner, [&](LambdaTask& t) {
    order += 'g';
    return t.runs < 3 ? Task::Step::again : Task::Step::wait;
  });
  LambdaTask other(loop, owner, [&](LambdaTask& t) {
    order += 'o';
    if (t.runs < 2) t.ring();
    return Task::Step::wait;
  });
  greedy.ring();
  other.ring();
  loop.drain();
  CHECK(order == "gogog");
}

TEST_CASE("only the loop destroys: closed has the owner reap") {
  base::FakeClock clock;
  EventLoop loop(clock);
  Owner owner;
  auto task = std::make_unique<LambdaTask>(loop, owner, [](LambdaTask&) { return Task::Step::closed; });
  owner.on_reap = [&](Task&) { task.reset(); };
  task->ring();
  loop.drain();
  CHECK(owner.reaped.size() == 1);
  CHECK_FALSE(task);
}

TEST_CASE("a task that another one destroys leaves the ready list and the timers") {
  base::FakeClock clock;
  EventLoop loop(clock);
  Owner owner;
  auto victim = std::make_unique<LambdaTask>(loop, owner);
  LambdaTask killer(loop, owner, [&](LambdaTask&) {
    victim.reset();
    return Task::Step::wait;
  });
  victim->set_deadline_after(1s);
  killer.ring();
  victim->ring();
  loop.drain();
  clock.advance(2s);
  loop.drain();
  CHECK(killer.runs == 1);
}

TEST_CASE("deadlines ring once they have passed, in order") {
  base::FakeClock clock;
  EventLoop loop(clock);
  Owner owner;
  std::string order;
  LambdaTask a(loop, owner, [&](LambdaTask& t) { order += t.deadline_passed() ? 'a' : '?'; return Task::Step::wait; });
  LambdaTask b(loop, owner, [&](LambdaTask& t) { order += t.deadline_passed() ? 'b' : '?'; return Task::Step::wait; });
  a.set_deadline_after(2s);
  b.set_deadline_after(1s);
  loop.drain();
  CHECK(order.empty());
  clock.advance(1s);
  loop.drain();
  CHECK(order == "b");
  clock.advance(1s);
  loop.drain();
  CHECK(order == "ba");
  clock.advance(1h);
  loop.drain();
  CHECK(order == "ba");  // told once
}

TEST_CASE("a deadline moves later lazily, earlier at once, and can be cleared") {
  base::FakeClock clock;
  EventLoop loop(clock);
  Owner owner;
  LambdaTask t(loop, owner);
  t.set_deadline_after(1s);
  t.set_deadline_after(5s);
  clock.advance(2s);
  loop.drain();
  CHECK(t.runs == 0);
  t.set_deadline_after(1s);
  clock.advance(1s);
  loop.drain();
  CHECK(t.runs == 1);
  t.set_deadline_after(1s);
  t.clear_deadline();
  clock.advance(1h);
  loop.drain();
  CHECK(t.runs == 1);
  t.set_deadline_after(base::Duration::max());
  clock.advance(1h);
  loop.drain();
  CHECK(t.runs == 1);
}

TEST_CASE("many timers fire exactly when due") {
  base::FakeClock clock;
  EventLoop loop(clock);
  Owner owner;
  std::mt19937 random(1);
  const auto start = clock.now();
  struct Expect {
    std::unique_ptr<LambdaTask> task;
    base::TimePoint due;
    base::TimePoint fired{};
  };
  std::vector<Expect> all(300);
  for (Expect& e : all) {
    e.task = std::make_unique<LambdaTask>(loop, owner, [&](LambdaTask&) {
      e.fired = clock.now();
      return Task::Step::wait;
    });
  }
  for (int round = 0; round < 3; ++round)
    for (Expect& e : all) {
      e.due = start + std::chrono::milliseconds(1 + random() % 1000);
      e.task->set_deadline(e.due);
    }
  for (std::size_t i = 0; i < all.size(); i += 7) all[i].task.reset();
  for (int ms = 0; ms < 1001; ++ms) {
    clock.advance(1ms);
    loop.drain();
  }
  for (const Expect& e : all)
    if (e.task) {
      CHECK(e.task->runs == 1);
      CHECK(e.fired == e.due);
    }
}

TEST_CASE("a blocking turn ends at the deadline by the real clock") {
  base::SystemClock clock;
  EventLoop loop(clock);
  Owner owner;
  LambdaTask t(loop, owner, [](LambdaTask& self) {
    self.set_deadline_after(5ms);  // a turn polls after its tasks: something must end that poll
    return Task::Step::wait;
  });
  t.set_deadline_after(5ms);
  int turns = 0;
  while (t.runs < 2 && turns < 1000) {
    loop.turn(true);
    ++turns;
  }
  CHECK(t.runs == 2);
  CHECK(turns < 20);  // it slept, it did not spin
}

TEST_CASE("messages from many threads arrive, each thread's in order") {
  base::SystemClock clock;
  EventLoop loop(clock);
  constexpr int threads = 4, each = 5000;
  std::vector<int> next(threads, 0);
  int total = 0;
  bool ordered = true;
  std::vector<std::thread> makers;
  for (int t = 0; t < threads; ++t)
    makers.emplace_back([&, t] {
      for (int i = 0; i < each; ++i)
        loop.mailbox().post([&, t, i] {
          ordered = ordered && next[t] == i;
          next[t] = i + 1;
          ++total;
        });
    });
  CHECK(net_test::until(loop, [&] { return total == threads * each; }));
  for (std::thread& maker : makers) maker.join();
  CHECK(ordered);
}

TEST_CASE("a message left when the loop ends is destroyed unrun") {
  base::FakeClock clock;
  int alive = 0;
  struct Guard {
    int* alive;
    explicit Guard(int* a) : alive(a) { ++*alive; }
    Guard(Guard&& other) noexcept : alive(std::exchange(other.alive, nullptr)) {}
    ~Guard() {
      if (alive) --*alive;
    }
  };
  bool ran = false;
  {
    EventLoop loop(clock);
    loop.mailbox().post([g = Guard(&alive), &ran] { ran = true; });
    CHECK(alive == 1);
  }
  CHECK(alive == 0);
  CHECK_FALSE(ran);
}

TEST_CASE("delivering has a budget") {
  base::FakeClock clock;
  EventLoop loop(clock);
  int ran = 0;
  for (int i = 0; i < 5; ++i) loop.mailbox().post([&] { ++ran; });
  CHECK(loop.mailbox().deliver(3));
  CHECK(ran == 3);
  loop.drain();
  CHECK(ran == 5);
}

TEST_CASE("a thread runs its loop, takes messages and stops with a last one") {
  net::Thread thread("test", 3);
  std::atomic<int> seen{0};
  std::thread::id first, last;
  thread.start([&] { first = std::this_thread::get_id(); });
  for (int i = 0; i < 100; ++i) thread.post([&] { seen.fetch_add(1); });
  thread.stop([&] { last = std::this_thread::get_id(); });
  thread.join();
  CHECK(seen == 100);
  CHECK(first == last);
  CHECK(first != std::this_thread::get_id());
  CHECK(thread.id() == 3);
}

TEST_CASE("a descriptor that the kernel does not watch is lost, and its task is told") {
  base::FakeClock clock;
  net::EventLoop loop(clock);
  Owner owner;
  LambdaTask task(loop, owner);
  const net::Descriptor file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));  // epoll takes no files
  net::Readiness ready;
  CHECK_FALSE(ready.register_fd(loop, file.get(), task));
  CHECK(ready.lost);
  CHECK((ready.readable && ready.writable && ready.closed));
  loop.turn(false);
  CHECK(task.runs == 1);
  ready.unregister();
}
