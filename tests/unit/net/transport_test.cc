// SPDX-License-Identifier: BSD-2-Clause
#include "net/transport.h"

#include <catch2/catch.hpp>
#include <poll.h>
#include <sys/socket.h>

#include "net/listener.h"
#include "net/reasons.h"
#include "support.h"

using net::Buffer;
using net::IoState;
using net_test::LambdaTask;
using net_test::Owner;
using net_test::pattern;
using net_test::until;

namespace {

struct Pair {
  base::SystemClock clock;
  net::EventLoop loop{clock};
  Owner owner;
  LambdaTask a_task{loop, owner}, b_task{loop, owner};
  std::unique_ptr<net::Transport> a, b;

  explicit Pair(bool memory, std::size_t capacity = 64 * 1024) {
    if (memory) {
      auto pair = net::make_memory_pair(loop, capacity);
      a = std::move(pair.a);
      b = std::move(pair.b);
    } else {
      int fds[2];
      REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
      const auto address = net::Address::parse("unix:pair").value();
      a = net::make_plain_transport(loop, fds[0], address, {});
      b = net::make_plain_transport(loop, fds[1], address, {});
    }
    a->attach(a_task);
    b->attach(b_task);
  }
  // Sends everything of `out` from a to b and returns what arrived.
  std::string carry(Buffer& out) {
    Buffer in;
    const std::size_t total = out.size();
    const bool done = until(loop, [&] {
      a->write(out);
      while (b->read(in, SIZE_MAX).state == IoState::done) {
      }
      return in.size() == total;
    });
    CHECK(done);
    return in.text();
  }
};

}  // namespace

TEST_CASE("bytes, shared pieces and files arrive in order") {
  const bool memory = GENERATE(false, true);
  CAPTURE(memory);
  Pair p(memory);
  const std::string text = pattern(300'000);
  const auto file = net_test::temp_file(text);
  Buffer out;
  out.append("head");
  out.append_file(file, 1'000, 250'000);
  out.append_static(text);
  for (int i = 0; i < 200; ++i) out.append_static("piece");
  std::string expected = "head" + text.substr(1'000, 250'000) + text;
  for (int i = 0; i < 200; ++i) expected += "piece";
  CHECK(p.carry(out) == expected);
  CHECK(out.empty());
}

TEST_CASE("a short read clears readiness, new bytes set it") {
  Pair p(false);
  Buffer out, in;
  CHECK(p.b->read(in, SIZE_MAX).state == IoState::blocked);
  out.append("one");
  CHECK(p.a->write(out).state == IoState::done);
  REQUIRE(until(p.loop, [&] { return p.b->readable(); }));
  auto r = p.b->read(in, SIZE_MAX);
  CHECK(r.state == IoState::done);
  CHECK(r.bytes == 3);
  CHECK_FALSE(p.b->readable());
  out.append("two");
  p.a->write(out);
  CHECK(p.b->read(in, SIZE_MAX).state == IoState::blocked);  // no system call before the event
  REQUIRE(until(p.loop, [&] { return p.b->readable(); }));
  p.b->read(in, SIZE_MAX);
  CHECK(in.text() == "onetwo");
}

TEST_CASE("reading respects its limit") {
  const bool memory = GENERATE(false, true);
  Pair p(memory);
  Buffer out, in;
  out.append("0123456789");
  p.a->write(out);
  REQUIRE(until(p.loop, [&] { return p.b->readable(); }));
  CHECK(p.b->read(in, 4).bytes == 4);
  CHECK(p.b->readable());
  CHECK(p.b->read(in, 100).bytes == 6);
  CHECK(in.text() == "0123456789");
}

TEST_CASE("FIN behind unread bytes is seen, and read after them") {
  const bool memory = GENERATE(false, true);
  CAPTURE(memory);
  Pair p(memory);
  Buffer out, in;
  out.append("last");
  p.a->write(out);
  CHECK_FALSE(p.b->peer_closed());
  p.a->shutdown_write();
  REQUIRE(until(p.loop, [&] { return p.b->peer_closed(); }));
  CHECK(p.b->readable());
  CHECK(p.b->read(in, SIZE_MAX).bytes == 4);
  CHECK(p.b->readable());
  CHECK(p.b->read(in, SIZE_MAX).state == IoState::eof);
  CHECK_FALSE(p.b->readable());
  CHECK(p.b->read(in, SIZE_MAX).state == IoState::eof);
  // The other direction still works.
  out.append("answer");
  CHECK(p.b->write(out).state == IoState::done);
  REQUIRE(until(p.loop, [&] { return p.a->read(in, SIZE_MAX).state == IoState::done; }));
  CHECK(in.text() == "lastanswer");
}

TEST_CASE("a full peer blocks, and reading wakes the writer") {
  const bool memory = GENERATE(false, true);
  Pair p(memory, 500'000);
  Buffer out, in;
  out.append(pattern(4'000'000));
  const auto fill = [&] {
    net::IoResult r;
    do r = p.a->write(out);
    while (r.state == IoState::done && !out.empty());
    return r.state;
  };
  CHECK(fill() == IoState::blocked);
  CHECK_FALSE(out.empty());
  p.loop.drain();
  int runs = p.a_task.runs;
  REQUIRE(until(p.loop, [&] {
    while (p.b->read(in, SIZE_MAX).state == IoState::done) {
    }
    return p.a_task.runs > runs;
  }));
  runs = p.a_task.runs;
  const std::size_t left = out.size();
  fill();
  CHECK(out.size() < left);
  // And again, however often.
  REQUIRE(until(p.loop, [&] {
    while (p.b->read(in, SIZE_MAX).state == IoState::done) {
    }
    if (p.a_task.runs > runs) {
      runs = p.a_task.runs;
      fill();
    }
    return in.size() == 4'000'000;
  }));
}

TEST_CASE("on a Unix socket, reading wakes no writer that was not blocked") {
  Pair p(false);
  Buffer out, in;
  out.append(pattern(1'000));
  CHECK(p.a->write(out).bytes == 1'000);
  p.loop.drain();
  const int before = p.a_task.runs;
  REQUIRE(until(p.loop, [&] { return p.b->read(in, SIZE_MAX).state == IoState::done; }));
  p.loop.drain();
  CHECK(p.a_task.runs == before);
}

TEST_CASE("a file that became shorter is an error") {
  const bool memory = GENERATE(false, true);
  Pair p(memory);
  Buffer out;
  out.append_file(net_test::temp_file("short"), 0, 100);
  net::IoResult r;
  do r = p.a->write(out);
  while (r.state == IoState::done);
  CHECK(r.state == IoState::failed);
  CHECK_FALSE(p.a->failure().empty());
}

TEST_CASE("writing to a peer that is gone fails without a signal") {
  const bool memory = GENERATE(false, true);
  Pair p(memory);
  p.b.reset();
  Buffer out;
  out.append("x");
  const auto r = p.a->write(out);
  CHECK(r.state == IoState::failed);
  CHECK(r.error == EPIPE);
}

TEST_CASE("an empty buffer holds no block after a blocked read") {
  Pair p(false);
  Buffer in;
  p.b->read(in, SIZE_MAX);
  CHECK(in.empty());
  iovec v[1];
  CHECK(in.iovecs(v) == 0);
}

namespace {
struct Accepted final : net::AcceptHandler {
  std::vector<int> fds;
  net::Address remote, local;
  void accepted(int fd, const net::Address& r, const net::Address& l) override {
    fds.push_back(fd);
    remote = r;
    local = l;
  }
};
}  // namespace

TEST_CASE("connecting over TCP, reset seen while reading is paused") {
  base::SystemClock clock;
  net::EventLoop loop(clock);
  Owner owner;
  auto listener = net::Listener::open(net::Address::parse("127.0.0.1:0").value(), 1, {}).value();
  Accepted accepted;
  net::Accepter accepter(loop, owner, listener->fd(0), accepted);
  LambdaTask client_task(loop, owner), server_task(loop, owner);
  auto client = std::move(net::connect_plain(loop, listener->address()).value());
  client->attach(client_task);
  REQUIRE(until(loop, [&] { return client->establish().state == IoState::done && !accepted.fds.empty(); }));
  CHECK(accepted.remote.ip() == "127.0.0.1");
  CHECK(accepted.local == listener->address());
  auto server = net::make_plain_transport(loop, accepted.fds[0], accepted.remote, accepted.local);
  server->attach(server_task);
  Buffer out, in;
  out.append("request");
  client->write(out);
  REQUIRE(until(loop, [&] { return server->read(in, SIZE_MAX).state == IoState::done; }));
  CHECK_FALSE(server->peer_closed());
  client->reset_on_close();
  client.reset();
  REQUIRE(until(loop, [&] { return server->peer_closed(); }));
  const auto r = server->read(in, SIZE_MAX);
  CHECK(r.state == IoState::failed);
  CHECK(r.error == ECONNRESET);
}

// One event tells of both, and libevent reports it like bytes alone.
TEST_CASE("a reset that came together with bytes is found by who looks again") {
  base::SystemClock clock;
  net::EventLoop loop(clock);
  Owner owner;
  auto listener = net::Listener::open(net::Address::parse("127.0.0.1:0").value(), 1, {}).value();
  Accepted accepted;
  net::Accepter accepter(loop, owner, listener->fd(0), accepted);
  LambdaTask client_task(loop, owner), server_task(loop, owner);
  auto client = std::move(net::connect_plain(loop, listener->address()).value());
  client->attach(client_task);
  REQUIRE(until(loop, [&] { return client->establish().state == IoState::done && !accepted.fds.empty(); }));
  auto server = net::make_plain_transport(loop, accepted.fds[0], accepted.remote, accepted.local);
  server->attach(server_task);
  REQUIRE(until(loop, [&] { return server_task.runs > 0; }));
  const bool reset = GENERATE(false, true);
  Buffer out, in;
  out.append("request");
  client->write(out);
  if (reset) {
    client->reset_on_close();
    client.reset();
    // A busy kernel may deliver it later than the bytes, which would be two events.
    pollfd there{server->fd(), 0, 0};
    REQUIRE(::poll(&there, 1, 10'000) == 1);
  }
  REQUIRE(until(loop, [&] { return server->read(in, SIZE_MAX).state == IoState::done; }));
  CHECK(in.text() == "request");
  CHECK(server->read(in, SIZE_MAX).state == IoState::blocked);
  CHECK(server->look_again());
  CHECK(server->read(in, SIZE_MAX).state == (reset ? IoState::failed : IoState::blocked));
  CHECK_FALSE(server->look_again());
}

TEST_CASE("a refused connection says so") {
  base::SystemClock clock;
  net::EventLoop loop(clock);
  Owner owner;
  net::Address address;
  {
    // A port that was just free.
    auto listener = net::Listener::open(net::Address::parse("127.0.0.1:0").value(), 1, {}).value();
    address = listener->address();
  }
  LambdaTask task(loop, owner);
  auto made = net::connect_plain(loop, address);
  if (made) {
    (*made)->attach(task);
    net::IoResult r;
    REQUIRE(until(loop, [&] { return (r = (*made)->establish()).state != IoState::blocked; }));
    CHECK(r.state == IoState::failed);
    CHECK(r.error == ECONNREFUSED);
  } else {
    CHECK(made.error().system == ECONNREFUSED);
  }
  CHECK(net::connect_error(ECONNREFUSED).reason.is(net::reasons::connect_refused));
  const auto missing = net::connect_plain(loop, net::Address::parse("unix:/nowhere/at/all.sock").value());
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().side == base::Side::upstream);
  CHECK(missing.error().retry);
}

TEST_CASE("handing over to another task rings that one") {
  Pair p(false);
  LambdaTask other(p.loop, p.owner);
  p.loop.drain();
  p.b->attach(other);
  const int before = p.b_task.runs;
  Buffer out;
  out.append("x");
  p.a->write(out);
  REQUIRE(until(p.loop, [&] { return other.runs > 0; }));
  CHECK(p.b_task.runs == before);
}

TEST_CASE("the last bytes arrive before the end, however they are kept for it") {
  base::SystemClock clock;
  net::EventLoop loop(clock);
  Owner owner;
  auto listener = net::Listener::open(net::Address::parse("127.0.0.1:0").value(), 1, {}).value();
  Accepted accepted;
  net::Accepter accepter(loop, owner, listener->fd(0), accepted);
  LambdaTask client_task(loop, owner), server_task(loop, owner);
  auto client = std::move(net::connect_plain(loop, listener->address()).value());
  client->attach(client_task);
  REQUIRE(until(loop, [&] { return client->establish().state == IoState::done; }));
  Buffer request, out, in;
  request.append("request");
  client->write(request);
  REQUIRE(until(loop, [&] { return !accepted.fds.empty(); }));
  auto server = net::make_plain_transport(loop, accepted.fds[0], accepted.remote, accepted.local);
  server->attach(server_task);
  REQUIRE(until(loop, [&] { return server->read(in, SIZE_MAX).state == IoState::done; }));
  in.clear();
  const std::string text = pattern(GENERATE(100, 100'000));
  out.append(text);
  out.append("last");
  REQUIRE(until(loop, [&] {
    server->write_last(out);
    if (out.empty()) {
      server->shutdown_write();
      server.reset();
      return true;
    }
    client->read(in, SIZE_MAX);
    return false;
  }));
  REQUIRE(until(loop, [&] { return client->read(in, SIZE_MAX).state == IoState::eof; }));
  CHECK(in.text() == text + "last");
}
