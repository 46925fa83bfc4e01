// SPDX-License-Identifier: BSD-2-Clause
// The opener decides (in this process) and serves (as a process of its own). Most of it needs root, to have rights to give up.
#include "process/opener_client.h"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "net/reasons.h"
#include "process/opener_path.h"

namespace fs = std::filesystem;
using process::Named;
using process::Opener;
using process::wire::Answer;
using process::wire::Request;

namespace {

// An account without a name: nothing on the system belongs to it.
const process::User account{"4242", 4242, 4242, {4242, 4243}};

bool skipped() {
  if (process::is_root()) return false;
  WARN("skipped: needs root");
  return true;
}

struct Place {
  fs::path directory;
  Place() {
    char name[] = "/tmp/opener_test_XXXXXX";
    directory = ::mkdtemp(name);
  }
  ~Place() { fs::remove_all(directory); }
  std::string path(const std::string& name) const { return directory / name; }
  std::string file(const std::string& name, const std::string& text, mode_t mode = 0600, uid_t owner = 0) const {
    fs::create_directories(fs::path(path(name)).parent_path());
    std::ofstream(path(name)) << text;
    REQUIRE(::chmod(path(name).c_str(), mode) == 0);
    if (owner) REQUIRE(::chown(path(name).c_str(), owner, owner) == 0);
    return path(name);
  }
  std::string folder(const std::string& name, mode_t mode, uid_t owner = 0, gid_t group = 0) const {
    fs::create_directories(path(name));
    REQUIRE(::chown(path(name).c_str(), owner, group) == 0);
    REQUIRE(::chmod(path(name).c_str(), mode) == 0);
    return path(name);
  }
};

std::string request(Request kind, const std::string& path) { return process::wire::Writer().number(static_cast<std::int64_t>(kind)).text(path).bytes(); }
std::string bind_request(const std::string& address, int workers = 1, int mode = 0660) {
  return process::wire::Writer().number(static_cast<std::int64_t>(Request::bind)).text(address).number(workers).number(10).number(mode).number(1).bytes();
}

std::string text_of(const net::Descriptor& fd) { return config::read_all(fd.get()).value_or("?"); }

template <class F>
bool await(F&& condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

// A port below 1024 that nobody uses; 0: none. Each process looks from a place of its own: another of these tests may run at the same time.
std::uint16_t low_port() {
  constexpr int lowest = 600, ports = 1024 - lowest;
  for (int i = 0; i < ports; ++i) {
    const auto port = static_cast<std::uint16_t>(lowest + (::getpid() * 7 + i) % ports);
    const auto fds = net::open_listener(net::Address::parse("127.0.0.1:" + std::to_string(port)).value(), 1, {});
    if (!fds) continue;
    ::close(fds->front());
    return port;
  }
  return 0;
}

// Checks of a child process, which Catch cannot count: 0 is well, else the line.
#define EXPECT(condition) \
  do { \
    if (!(condition)) { \
      std::fprintf(stderr, "opener_test.cc:%d: not so: %s\n", __LINE__, #condition); \
      ::_exit(1); \
    } \
  } while (false)

template <class F>
int in_child(F&& body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    body();
    ::_exit(0);
  }
  int status = -1;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

char state_of(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(in, text);
  const auto at = text.rfind(") ");
  return at == std::string::npos ? 'X' : text[at + 2];
}

std::string status_line(pid_t pid, const std::string& name) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(name + ":\t")) return line.substr(name.size() + 2);
  return "?";
}

}  // namespace

TEST_CASE("messages carry numbers, strings and descriptors; what is cut short is not read") {
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
  const net::Descriptor one(pair[0]), two(pair[1]);
  process::wire::Writer out;
  out.number(-5).text("a\0b").text("");
  const int sent[] = {STDERR_FILENO, STDERR_FILENO};
  REQUIRE(process::wire::send(one.get(), out.bytes(), sent));
  const auto message = process::wire::receive(two.get(), true);
  REQUIRE(message);
  CHECK(message->descriptors.size() == 2);
  CHECK((::fcntl(message->descriptors[0].get(), F_GETFD) & FD_CLOEXEC) != 0);
  process::wire::Reader in(message->bytes);
  CHECK(in.number() == -5);
  CHECK(in.text() == "a");
  CHECK(in.text().empty());
  CHECK(in.complete());
  for (std::size_t length = 0; length < out.bytes().size(); ++length) {
    process::wire::Reader cut(std::string_view(out.bytes()).substr(0, length));
    cut.number();
    cut.text();
    cut.text();
    CHECK_FALSE(cut.complete());
  }
  const process::wire::Writer longer = process::wire::Writer().number(INT64_MAX);
  process::wire::Reader huge(longer.bytes());
  CHECK(huge.text().empty());
  CHECK_FALSE(huge.well());
  // Descriptors that nobody asked for do not stay open.
  REQUIRE(process::wire::send(one.get(), "x", sent));
  CHECK(process::wire::receive(two.get(), false)->descriptors.empty());
}

TEST_CASE("only what the configuration names is opened") {
  if (skipped()) return;
  const Place place;
  const std::string key = place.file("key", "secret"), other = place.file("other", "private");
  const std::string source = place.file("c.toml", "1");
  Named named;
  named.files = {key};
  named.sources = {source};
  named.patterns = {place.path("*.toml")};
  named.addresses = {net::Address::parse("127.0.0.1:0").value()};
  Opener opener(account, [&] { return named; });
  const auto opened = opener.handle(request(Request::open, key));
  CHECK(opened.answer == Answer::done);
  REQUIRE(opened.descriptors.size() == 1);
  CHECK(text_of(opened.descriptors[0]) == "secret");
  CHECK(text_of(opener.handle(request(Request::open, source)).descriptors.at(0)) == "1");
  const auto refused = opener.handle(request(Request::open, other));
  CHECK(refused.answer == Answer::refused);
  CHECK(refused.descriptors.empty());
  CHECK(refused.text.find(other) != std::string::npos);
  CHECK(opener.handle(request(Request::log, key)).answer == Answer::refused);  // to be read, not written
  CHECK(opener.handle(request(Request::stat, other)).answer == Answer::refused);
  CHECK(opener.handle(request(Request::stat, key)).state.size == 6);
  CHECK(opener.handle(bind_request("127.0.0.1:1")).answer == Answer::refused);
  CHECK(opener.handle(bind_request("127.0.0.1:0", 3)).descriptors.size() == 3);
  CHECK(opener.handle(request(Request::expand, place.path("*"))).answer == Answer::refused);
  CHECK(opener.handle(request(Request::expand, place.path("*.toml"))).text == source + std::string(1, '\0'));
  for (const std::string& nonsense : {std::string(), std::string("x"), request(static_cast<Request>(99), key), request(Request::open, key) + "x",
                                      bind_request("127.0.0.1:0", 0), bind_request("127.0.0.1:0", 100000), bind_request("nowhere", 1)})
    CHECK(opener.handle(nonsense).answer != Answer::done);
}

TEST_CASE("the configuration is read again when it changed, and when a name is new") {
  if (skipped()) return;
  const Place place;
  const std::string a = place.file("a", "A"), b = place.file("b", "B"), source = place.file("c.toml", "1");
  Named named;
  named.files = {a};
  named.sources = {source};
  int read = 0;
  Opener opener(account, [&] {
    ++read;
    return named;
  });
  for (int i = 0; i < 5; ++i) CHECK(opener.handle(request(Request::open, a)).answer == Answer::done);
  CHECK(read == 1);
  named.files = {b};
  CHECK(opener.handle(request(Request::open, b)).answer == Answer::done);
  CHECK(read == 2);
  CHECK(opener.handle(request(Request::open, a)).answer == Answer::refused);
  named.files = {a};
  place.file("c.toml", "changed");
  read = 0;
  CHECK(opener.handle(request(Request::open, a)).answer == Answer::done);
  CHECK(read == 1);
  named.files = {b};
  place.file("c.toml", "and again");
  CHECK(opener.handle(request(Request::open, a)).answer == Answer::refused);  // not named any more
  named.files = {a};
  CHECK(opener.handle(request(Request::open, a)).answer == Answer::done);
  // One that cannot be understood takes nothing away: the daemon goes on by the last good one, too.
  named = {};
  named.sources = {source};
  named.problem = "line 3 is nonsense";
  place.file("c.toml", "broken on purpose");
  CHECK(opener.handle(request(Request::open, a)).answer == Answer::done);
  const auto refused = opener.handle(request(Request::open, b));
  CHECK(refused.answer == Answer::refused);
  CHECK(refused.text.find("line 3 is nonsense") != std::string::npos);
  CHECK(opener.handle(request(Request::open, source)).answer == Answer::done);
}

TEST_CASE("no way is followed that the account can change") {
  if (skipped()) return;
  const Place place;
  const auto way = [&](const std::string& name) {
    const auto found = process::safe_way(place.path(name), account);
    return found ? 0 : found.error();
  };
  place.folder("", 0755);
  place.file("secret", "s");
  place.file("live/a/cert", "c");
  fs::create_symlink("a", place.path("live/current"));
  fs::create_symlink(place.path("live/current/cert"), place.path("live/cert"));
  fs::create_symlink("../secret", place.path("live/up"));
  CHECK(way("secret") == 0);
  CHECK(way("live/a/cert") == 0);
  CHECK(way("live/cert") == 0);
  CHECK(way("live/up") == 0);
  CHECK(way("live/../live/./a//cert") == 0);
  CHECK(way("missing") == 0);
  CHECK(way("missing/file") == ENOENT);
  CHECK(way("secret/file") == ENOTDIR);
  CHECK(way("live") == EISDIR);
  CHECK(process::safe_way("", account).error() == EINVAL);
  fs::create_symlink("loop", place.path("loop"));
  CHECK(way("loop") == ELOOP);

  place.folder("own", 0755, account.uid);
  place.file("own/file", "f");
  fs::create_symlink(place.path("secret"), place.path("own/link"));
  fs::create_symlink("own/file", place.path("into"));
  CHECK(way("own/file") == process::unsafe_way);
  CHECK(way("own/link") == process::unsafe_way);
  CHECK(way("own/missing") == process::unsafe_way);
  CHECK(way("into") == process::unsafe_way);
  place.folder("all", 0777);
  place.file("all/file", "f");
  CHECK(way("all/file") == process::unsafe_way);
  place.folder("group", 0775, 0, 4243);
  place.file("group/file", "f");
  CHECK(way("group/file") == process::unsafe_way);
  place.folder("others", 0775, 0, 4299);  // a group that the account is not in
  place.file("others/file", "f");
  CHECK(way("others/file") == 0);
  place.folder("sticky", 01777);
  place.file("sticky/root", "f");
  place.file("sticky/its", "f", 0600, account.uid);
  CHECK(way("sticky/root") == 0);
  CHECK(way("sticky/its") == process::unsafe_way);
}

TEST_CASE("logs are made for the account, where it cannot put something else in their place") {
  if (skipped()) return;
  const Place place;
  place.folder("", 0755);
  const std::string log = place.path("logs/new.log"), there = place.file("logs/old.log", "line\n");
  const std::string secret = place.file("secret", "s"), owned = place.path("owned/x.log"), linked = place.path("sticky/x.log"), fifo = place.path("logs/fifo");
  place.folder("logs", 0700);
  place.folder("owned", 0755, account.uid);
  place.folder("sticky", 01777);
  REQUIRE(::link(secret.c_str(), linked.c_str()) == 0);
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  Named named;
  named.logs = {log, there, owned, linked, fifo};
  Opener opener(account, [&] { return named; });
  const auto made = opener.handle(request(Request::log, log));
  REQUIRE(made.answer == Answer::done);
  struct stat info{};
  REQUIRE(::fstat(made.descriptors.at(0).get(), &info) == 0);
  CHECK(info.st_uid == account.uid);
  CHECK((info.st_mode & 07777) == 0640);
  const auto old = opener.handle(request(Request::log, there));
  REQUIRE(old.answer == Answer::done);
  CHECK(::write(old.descriptors.at(0).get(), "more\n", 5) == 5);
  std::ifstream in(there);
  CHECK(std::string(std::istreambuf_iterator<char>(in), {}) == "line\nmore\n");
  CHECK(opener.handle(request(Request::log, owned)).answer == Answer::unsafe);
  CHECK_FALSE(fs::exists(owned));
  CHECK(opener.handle(request(Request::log, linked)).answer == Answer::unsafe);
  CHECK(opener.handle(request(Request::log, fifo)).system == ENXIO);  // nobody reads it; and nobody waits for one
}

TEST_CASE("Unix sockets become the account's, where it cannot put something else in their place") {
  if (skipped()) return;
  const Place place;
  place.folder("", 0755);
  place.folder("owned", 0755, account.uid);
  place.folder("run", 0755);
  place.folder("sticky", 01777);
  const std::string shared = "unix:" + place.path("sticky/sock");
  const std::string good = "unix:" + place.path("run/sock"), bad = "unix:" + place.path("owned/sock"), file = "unix:" + place.file("run/file", "x");
  Named named;
  for (const std::string& text : {good, bad, shared, file}) named.addresses.push_back(net::Address::parse(text).value());
  Opener opener(account, [&] { return named; });
  const auto made = opener.handle(bind_request(good, 4, 0660));
  REQUIRE(made.answer == Answer::done);
  CHECK(made.descriptors.size() == 1);
  struct stat info{};
  REQUIRE(::lstat(place.path("run/sock").c_str(), &info) == 0);
  CHECK(info.st_uid == account.uid);
  CHECK((info.st_mode & 0777) == 0660);
  CHECK(opener.handle(bind_request(bad)).answer == Answer::unsafe);
  CHECK(opener.handle(bind_request(shared)).answer == Answer::unsafe);
  CHECK(opener.handle(bind_request(file)).answer == Answer::not_socket);
}

TEST_CASE("a daemon without rights gets from its opener what the configuration names") {
  if (skipped()) return;
  const Place place;
  place.folder("", 0755);
  const std::string key = place.file("closed/key", "secret"), other = place.file("closed/other", "private"), source = place.file("closed/c.toml", "1");
  const std::string log = place.path("closed/new.log");
  place.folder("closed", 0700);
  const std::uint16_t port = low_port();
  if (port == 0) {
    WARN("skipped: no low port is free");
    return;
  }
  const auto low = net::Address::parse("127.0.0.1:" + std::to_string(port)).value(), high = net::Address::parse("127.0.0.1:0").value();
  const std::string low_text = low.text();
  Named named;
  named.files = {key};
  named.sources = {source};
  named.logs = {log};
  named.addresses = {low, high};
  const int code = in_child([&] {
    int pid = 0;
    auto channel = process::fork_opener({"testdaemon", account, [&] { return named; }}, pid);
    EXPECT(channel);
    EXPECT(process::drop_privileges(account).empty());
    EXPECT(status_line(::getpid(), "Uid") == "4242\t4242\t4242\t4242");
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) EXPECT(status_line(::getpid(), set) == "0000000000000000");
    EXPECT(status_line(::getpid(), "NoNewPrivs") == "1");
    process::OpenedAccess access(std::move(*channel), pid);
    std::vector<std::string> told;
    access.set_log([&](const std::string& text) { told.push_back(text); });

    EXPECT(access.read_file(key) == "secret");
    EXPECT(access.read_file(other).error() == EACCES);
    EXPECT(told.size() == 1 && told[0].find(other) != std::string::npos);
    EXPECT(access.stat(key)->size == 6);
    EXPECT(access.files().read(source) == "1");
    EXPECT(access.open_log(log));
    const auto listener = access.bind(low, 2, {}, low_text);
    EXPECT(listener);
    EXPECT((*listener)->size() == 2 && (*listener)->address() == low);
    const int client = ::socket(AF_INET, SOCK_STREAM, 0);
    EXPECT(::connect(client, low.get(), low.length()) == 0);
    const auto many = access.bind(high, 256, {}, "high");
    EXPECT(many);
    EXPECT((*many)->size() == 256);
    EXPECT(access.bind(low, 1, {}, low_text).error().reason.is(net::reasons::listen_in_use));
    EXPECT(access.bind(net::Address::parse("127.0.0.1:1").value(), 1, {}, "1").error().reason.is(process::reasons::bind_unnamed));

    // The process itself: visible, deaf, and with no more rights than it needs.
    EXPECT(status_line(pid, "Name") == "testdaem/opener");
    std::ifstream arguments("/proc/" + std::to_string(pid) + "/cmdline");
    const std::string shown(std::istreambuf_iterator<char>(arguments), {});
    EXPECT(shown[0] == 't' && std::string("testdaemon: opener").starts_with(shown.c_str()));  // as much as there was room for
    char kept[17];
    std::snprintf(kept, sizeof kept, "%016llx", 1ULL << CAP_NET_BIND_SERVICE | 1ULL << CAP_DAC_READ_SEARCH | 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_CHOWN);
    EXPECT(status_line(pid, "CapEff") == kept && status_line(pid, "CapPrm") == kept);
    EXPECT(status_line(pid, "NoNewPrivs") == "1");
    ::_exit(0);
  });
  CHECK(code == 0);
}

TEST_CASE("the opener ignores signals, and serves until nobody holds a channel") {
  if (skipped()) return;
  const Place place;
  place.folder("", 0755);
  const std::string key = place.file("key", "secret");
  Named named;
  named.files = {key};
  const int code = in_child([&] {
    int pid = 0;
    auto channel = process::fork_opener({"testdaemon", account, [&] { return named; }}, pid);
    EXPECT(channel);
    auto first = std::make_unique<process::OpenedAccess>(std::move(*channel));
    EXPECT(first->stat(key));  // plain; and then as somebody who may not
    for (const char* what : {"before", "after"}) {
      EXPECT(::setresuid(4242, 4242, 0) == 0);
      EXPECT(first->read_file(key) == "secret");
      EXPECT(::setresuid(0, 0, 0) == 0);
      if (what[0] == 'b')
        for (int number : {SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGWINCH}) EXPECT(::kill(pid, number) == 0);
    }
    process::OpenedAccess second(first->new_channel());
    first.reset();
    EXPECT(::setresuid(4242, 4242, 0) == 0);
    EXPECT(second.read_file(key) == "secret");
    EXPECT(::setresuid(0, 0, 0) == 0);
    ::kill(pid, SIGKILL);
    EXPECT(await([&] { return state_of(pid) == 'Z'; }));
    std::vector<std::string> told;
    second.set_log([&](const std::string& text) { told.push_back(text); });
    EXPECT(process::drop_privileges(account).empty());
    EXPECT(second.read_file(key).error() == EACCES);
    EXPECT(second.read_file(key).error() == EACCES);
    EXPECT(told.size() == 1 && told[0].find("restart as root") != std::string::npos);
    if (process::port_needs_right(1))
      EXPECT(second.bind(net::Address::parse("127.0.0.1:1").value(), 1, {}, "127.0.0.1:1").error().reason.is(process::reasons::opener_gone));
  });
  CHECK(code == 0);
}

TEST_CASE("kill -9 of the daemon ends its opener") {
  if (skipped()) return;
  int pipe[2];
  REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
  const pid_t daemon = ::fork();
  if (daemon == 0) {
    int pid = 0;
    const auto channel = process::fork_opener({"testdaemon", account, [] { return Named(); }}, pid);
    if (::write(pipe[1], &pid, sizeof pid) != sizeof pid) ::_exit(1);
    for (;;) ::pause();
  }
  ::close(pipe[1]);
  int opener = 0;
  REQUIRE(::read(pipe[0], &opener, sizeof opener) == sizeof opener);
  ::close(pipe[0]);
  CHECK(await([&] { return status_line(opener, "Name") == "testdaem/opener"; }));
  ::kill(daemon, SIGKILL);
  REQUIRE(::waitpid(daemon, nullptr, 0) == daemon);
  CHECK(await([&] { return state_of(opener) == 'X' || state_of(opener) == 'Z'; }));
}

TEST_CASE("without an opener the error names the right that is missing") {
  if (skipped()) return;
  const int code = in_child([&] {
    EXPECT(process::drop_privileges(account).empty());
    if (!process::port_needs_right(1)) return;
    process::DirectAccess access;
    const auto denied = access.bind(net::Address::parse("127.0.0.1:1").value(), 1, {}, "127.0.0.1:1");
    EXPECT(!denied && denied.error().system == EACCES);
    const std::string text = denied.error().reason.text();
    EXPECT(text.find("CAP_NET_BIND_SERVICE") != std::string::npos && text.find("root") != std::string::npos && text.find("restart") != std::string::npos);
  });
  CHECK(code == 0);
}
