// SPDX-License-Identifier: BSD-2-Clause
#include "process/systemd.h"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <map>

#include "net/mailbox.h"
#include "process/watchdog.h"

using namespace std::chrono_literals;

namespace {

struct Owner final : net::TaskOwner {
  void reap(net::Task&) override {}
};

// Stands for the service manager.
struct Manager {
  int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  explicit Manager(const std::string& name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0);
  }
  ~Manager() { ::close(fd); }
  std::string heard() const {
    char text[4096];
    const ssize_t n = ::recv(fd, text, sizeof text, 0);
    return n < 0 ? "" : std::string(text, static_cast<std::size_t>(n));
  }
};

process::EnvironmentReader environment(std::map<std::string, std::string> values) {
  return [values](const char* name) -> std::optional<std::string> {
    const auto at = values.find(name);
    return at == values.end() ? std::nullopt : std::optional(at->second);
  };
}

// A listening socket at descriptor number `at`; its address.
net::Address listening_at(int at, const net::Address& address) {
  net::ListenOptions options;
  options.ipv6_only = false;
  const auto made = net::open_listener(address, 1, options);
  REQUIRE(made);
  REQUIRE(::dup3(made->front(), at, 0) == at);  // as they come: not close-on-exec
  ::close(made->front());
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  REQUIRE(::getsockname(at, reinterpret_cast<sockaddr*>(&bound), &length) == 0);
  return net::Address::from(reinterpret_cast<const sockaddr*>(&bound), length);
}

bool open_now(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

constexpr int first = 200;

}  // namespace

TEST_CASE("the service manager hears what happens") {
  const std::string path = "/tmp/notify_test_" + std::to_string(::getpid());
  for (const std::string& name : {path, "@" + path}) {
    Manager manager(name);
    auto notifier = process::Notifier::from_environment(environment({{"NOTIFY_SOCKET", name}}));
    CHECK(notifier.used());
    notifier.ready("serves\nwell");
    CHECK(manager.heard() == "READY=1\nSTATUS=serves well");
    notifier.ready("");
    CHECK(manager.heard() == "READY=1");
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    notifier.reloading("reads its configuration");
    const std::string text = manager.heard();
    REQUIRE(text.starts_with("RELOADING=1\nMONOTONIC_USEC="));
    CHECK(text.ends_with("\nSTATUS=reads its configuration"));
    const auto said = std::strtoll(text.c_str() + std::strlen("RELOADING=1\nMONOTONIC_USEC="), nullptr, 10);
    CHECK(said >= now.tv_sec * 1'000'000 + now.tv_nsec / 1000);
    CHECK(said < (now.tv_sec + 60) * 1'000'000LL);
    notifier.stopping("drains");
    CHECK(manager.heard() == "STOPPING=1\nSTATUS=drains");
    notifier.status("busy");
    CHECK(manager.heard() == "STATUS=busy");
    notifier.watchdog();
    CHECK(manager.heard() == "WATCHDOG=1");
    notifier.main_pid(4711);
    CHECK(manager.heard() == "MAINPID=4711");
    ::unlink(path.c_str());
  }
}

TEST_CASE("no service manager is no error") {
  for (const char* name : {"", "@", "relative", "/nonexistent/notify"}) {
    process::Notifier notifier(name);
    notifier.ready("x");
    notifier.stopping("x");
  }
  CHECK_FALSE(process::Notifier(std::string(200, '/')).used());
  CHECK_FALSE(process::Notifier::from_environment(environment({})).used());
}

TEST_CASE("sockets of the service manager find their listeners by name, then by address") {
  const auto any = net::Address::parse("127.0.0.1:0").value();
  const auto a = listening_at(first, any), b = listening_at(first + 1, any), c = listening_at(first + 2, any);
  auto sockets = process::ActivatedSockets::from_environment(environment({{"LISTEN_PID", "77"}, {"LISTEN_FDS", "3"}, {"LISTEN_FDNAMES", "web:unit.socket:web"}}), 77, first);
  CHECK((::fcntl(first, F_GETFD) & FD_CLOEXEC) != 0);
  const std::string names[] = {"web", c.text()};
  const auto by_both = sockets.take(names, c);
  REQUIRE(by_both);
  CHECK(by_both->address() == c);
  CHECK(by_both->dealt());
  const std::string web[] = {"web"};
  const auto by_name = sockets.take(web, b);  // the name counts more than the address
  REQUIRE(by_name);
  CHECK(by_name->address() == a);
  CHECK_FALSE(sockets.take(web, a));
  const auto by_address = sockets.take({}, b);
  REQUIRE(by_address);
  CHECK(by_address->address() == b);
  CHECK(sockets.empty());
}

TEST_CASE("a socket for all addresses of both kinds serves *:PORT") {
  const auto six = net::Address::parse("[::]:0").value();
  if (!net::open_listener(six, 1, {})) {
    WARN("no IPv6 here");
    return;
  }
  const auto bound = listening_at(first, six);
  auto sockets = process::ActivatedSockets::from_environment(environment({{"LISTEN_PID", "77"}, {"LISTEN_FDS", "1"}}), 77, first);
  CHECK_FALSE(sockets.take({}, net::Address::parse("127.0.0.1:" + std::to_string(bound.port())).value()));
  CHECK(sockets.take({}, net::Address::parse("*:" + std::to_string(bound.port())).value()));
}

TEST_CASE("what no listener takes is closed and named") {
  const auto a = listening_at(first, net::Address::parse("127.0.0.1:0").value());
  REQUIRE(::dup3(STDERR_FILENO, first + 1, 0) == first + 1);
  auto sockets = process::ActivatedSockets::from_environment(environment({{"LISTEN_PID", "77"}, {"LISTEN_FDS", "3"}, {"LISTEN_FDNAMES", "old:x:y"}}), 77, first);
  const std::string x[] = {"x"};
  CHECK_FALSE(sockets.take(x, a.is_unix() ? a : net::Address::parse("127.0.0.1:1").value()));  // not a listening socket
  const auto rest = sockets.close_rest();
  REQUIRE(rest.size() == 2);
  CHECK(rest[0].find(a.text()) != std::string::npos);
  CHECK(rest[0].find("\"old\"") != std::string::npos);
  CHECK_FALSE(open_now(first));
  CHECK_FALSE(open_now(first + 1));
}

TEST_CASE("sockets for another process are not ours") {
  listening_at(first, net::Address::parse("127.0.0.1:0").value());
  for (const auto& values : {std::map<std::string, std::string>{{"LISTEN_PID", "78"}, {"LISTEN_FDS", "1"}}, {{"LISTEN_FDS", "1"}}, {{"LISTEN_PID", "77"}},
                             {{"LISTEN_PID", "77"}, {"LISTEN_FDS", "-1"}}, {{"LISTEN_PID", "77"}, {"LISTEN_FDS", "1x"}}, {{"LISTEN_PID", "77"}, {"LISTEN_FDS", "99999999"}}})
    CHECK(process::ActivatedSockets::from_environment(environment(values), 77, first).empty());
  CHECK(open_now(first));
  ::close(first);
}

TEST_CASE("the watchdog's interval is for the process that it names") {
  CHECK(process::watchdog_interval(environment({{"WATCHDOG_USEC", "3000000"}}), 77) == base::Duration(3s));
  CHECK(process::watchdog_interval(environment({{"WATCHDOG_USEC", "3000000"}, {"WATCHDOG_PID", "77"}}), 77) == base::Duration(3s));
  CHECK_FALSE(process::watchdog_interval(environment({{"WATCHDOG_USEC", "3000000"}, {"WATCHDOG_PID", "78"}}), 77));
  CHECK_FALSE(process::watchdog_interval(environment({{"WATCHDOG_USEC", "0"}}), 77));
  CHECK_FALSE(process::watchdog_interval(environment({{"WATCHDOG_USEC", "soon"}}), 77));
  CHECK_FALSE(process::watchdog_interval(environment({}), 77));
}

TEST_CASE("the watchdog is fed only while every worker answers") {
  base::FakeClock clock;
  net::EventLoop control(clock), one(clock), two(clock);
  Owner owner;
  int fed = 0;
  std::vector<std::size_t> late;
  int complaints = 0;
  const auto post_to = [](net::EventLoop& loop) { return [&loop](net::Message message) { loop.mailbox().post(std::move(message)); }; };
  process::Watchdog watchdog(control, owner, 30s, {post_to(one), post_to(two)}, {[&] { ++fed; }, [&](const std::vector<std::size_t>& who) {
    late = who;
    ++complaints;
  }});
  const auto third = [&](bool one_runs, bool two_runs) {
    if (one_runs) one.drain();
    if (two_runs) two.drain();
    clock.advance(10s);
    control.drain();
  };
  control.drain();
  CHECK(fed == 1);  // at once: the process serves
  control.drain();
  clock.advance(9s);
  control.drain();
  CHECK(fed == 1);
  clock.advance(1s);
  one.drain();
  two.drain();
  control.drain();
  CHECK(fed == 2);
  third(true, false);
  third(true, false);
  third(true, false);
  CHECK(fed == 2);
  CHECK(late == std::vector<std::size_t>{1});
  CHECK(complaints == 1);
  third(true, true);  // it was a long hiccup
  CHECK(fed == 3);
  third(false, true);
  CHECK(fed == 3);
  CHECK(late == std::vector<std::size_t>{0});
  CHECK(complaints == 2);
  third(true, true);
  CHECK(fed == 4);
}
