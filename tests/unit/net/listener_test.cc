// SPDX-License-Identifier: BSD-2-Clause
#include "net/listener.h"

#include <catch2/catch.hpp>
#include <sys/resource.h>
#include <sys/stat.h>
#include <fcntl.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>

#include "net/reasons.h"
#include "net/worker.h"
#include "support.h"

using net::Listener;
using net_test::LambdaTask;
using net_test::Owner;
using net_test::until;

namespace {

net::Address address(const std::string& text) { return net::Address::parse(text).value(); }

int connect_to(const net::Address& to) {
  const int fd = ::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(fd, to.get(), to.length()) == 0) return fd;
  ::close(fd);
  return -1;
}

struct Counting final : net::AcceptHandler {
  std::vector<net::Descriptor> fds;
  int failures = 0, first_failures = 0, recoveries = 0;
  void accepted(int fd, const net::Address&, const net::Address&) override { fds.emplace_back(fd); }
  void accept_failed(int, bool first) override {
    ++failures;
    first_failures += first;
  }
  void accept_recovered() override { ++recoveries; }
};

}  // namespace

TEST_CASE("a TCP listener is a group of sockets on one port") {
  auto listener = Listener::open(address("127.0.0.1:0"), 3, {}).value();
  CHECK(listener->size() == 3);
  CHECK(listener->address().port() != 0);
  std::set<int> fds{listener->fd(0), listener->fd(1), listener->fd(2)};
  CHECK(fds.size() == 3);
  // Another instance of the same user does not join silently.
  const auto second = Listener::open(listener->address(), 1, {}, "web");
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().reason.is(net::reasons::listen_in_use));
  CHECK(second.error().reason.subject == "web");
}

TEST_CASE("a stale Unix socket is replaced, a living one and other files are not") {
  net_test::TempDir dir;
  const auto at = address("unix:" + dir.path + "/s");
  {
    auto left = net::open_listener(at, 1, {}).value();
    ::close(left[0]);  // as a killed process leaves it
  }
  net::ListenOptions options;
  options.unix_mode = 0600;
  auto listener = Listener::open(at, 4, options).value();
  CHECK(listener->dealt());
  struct stat info{};
  REQUIRE(::stat(at.unix_path().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  const auto second = Listener::open(at, 1, {});
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().reason.is(net::reasons::listen_in_use));
  listener.reset();
  CHECK(::stat(at.unix_path().c_str(), &info) != 0);

  const int file = ::open(at.unix_path().c_str(), O_CREAT | O_WRONLY, 0600);
  ::close(file);
  const auto third = Listener::open(at, 1, {});
  REQUIRE_FALSE(third.has_value());
  CHECK(third.error().reason.is(net::reasons::listen_not_socket));
}

TEST_CASE("an accepter pauses, goes on and stops after what was waiting") {
  net_test::TempDir dir;
  auto listener = Listener::open(address("unix:" + dir.path + "/s"), 1, {}).value();
  base::SystemClock clock;
  net::EventLoop loop(clock);
  Owner owner;
  Counting handler;
  std::unique_ptr<net::Accepter> accepter = std::make_unique<net::Accepter>(loop, owner, listener->fd(0), handler);
  owner.on_reap = [&](net::Task&) { accepter.reset(); };
  std::vector<net::Descriptor> clients;
  for (int i = 0; i < 100; ++i) clients.emplace_back(connect_to(listener->address()));
  REQUIRE(until(loop, [&] { return handler.fds.size() == 100; }));
  accepter->pause();
  clients.emplace_back(connect_to(listener->address()));
  for (int i = 0; i < 5; ++i) loop.turn(false);
  CHECK(handler.fds.size() == 100);
  accepter->resume();
  REQUIRE(until(loop, [&] { return handler.fds.size() == 101; }));
  clients.emplace_back(connect_to(listener->address()));
  accepter->stop();
  REQUIRE(until(loop, [&] { return !accepter; }));
  CHECK(handler.fds.size() == 102);
}

TEST_CASE("without descriptors an accepter waits and tries again") {
  net_test::TempDir dir;
  auto listener = Listener::open(address("unix:" + dir.path + "/s"), 1, {}).value();
  base::FakeClock clock;
  net::EventLoop loop(clock);
  Owner owner;
  Counting handler;
  net::Accepter accepter(loop, owner, listener->fd(0), handler);
  loop.drain();
  net::Descriptor client(connect_to(listener->address()));
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const net::Descriptor highest(::dup(0));
  rlimit low = before;
  low.rlim_cur = static_cast<rlim_t>(highest.get() + 1);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  loop.drain();
  CHECK(handler.failures == 1);
  clock.advance(net::Accepter::retry);
  loop.drain();
  CHECK(handler.failures == 2);
  CHECK(handler.first_failures == 1);
  ::setrlimit(RLIMIT_NOFILE, &before);
  clock.advance(net::Accepter::retry);
  loop.drain();
  CHECK(handler.fds.size() == 1);
  CHECK(handler.recoveries == 1);
  CHECK(accepter.failures() == 2);
}

TEST_CASE("one accepter deals a Unix socket's connections to the least loaded worker") {
  net_test::TempDir dir;
  auto listener = Listener::open(address("unix:" + dir.path + "/s"), 2, {}).value();
  struct Worker final : net::AcceptHandler {
    explicit Worker(std::uint32_t id, std::atomic<int>& all) : thread("worker", id), total(all) {}
    net::Thread thread;
    std::atomic<int>& total;
    std::atomic<int> count{0};
    bool right_thread = true;
    std::vector<net::Descriptor> fds;
    void accepted(int fd, const net::Address&, const net::Address&) override {
      fds.emplace_back(fd);
      thread.add_load(1);
      count.fetch_add(1);
      total.fetch_add(1);
      total.notify_all();
    }
  };
  std::atomic<int> total{0};
  Worker a(0, total), b(1, total);
  a.thread.add_load(4);
  a.thread.start();
  b.thread.start();

  net::Thread accepting("accept", 2);
  Owner owner;
  net::Dealer dealer({{&a.thread.loop().mailbox(), &a.thread.load(), &a}, {&b.thread.loop().mailbox(), &b.thread.load(), &b}});
  std::unique_ptr<net::Accepter> accepter;
  accepting.start([&] { accepter = std::make_unique<net::Accepter>(accepting.loop(), owner, listener->fd(0), dealer); });
  std::vector<net::Descriptor> clients;
  for (int i = 0; i < 12; ++i) clients.emplace_back(connect_to(listener->address()));
  for (int n = total.load(); n < 12; n = total.load()) total.wait(n);
  CHECK(a.count == 4);  // 4 + 4 = 0 + 8
  CHECK(b.count == 8);
  accepting.stop([&] { accepter.reset(); });
  accepting.join();
}
