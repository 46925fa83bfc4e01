// SPDX-License-Identifier: BSD-2-Clause
#include "observe/log_writer.h"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "observe/error_log.h"

using observe::LogRing;
using observe::LogSpec;
using observe::LogWriter;

namespace {

struct TempDir {
  std::string path;
  TempDir() {
    char name[] = "/tmp/trivet-log-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~TempDir() {
    if (std::system(("rm -rf '" + path + "'").c_str()) != 0) std::perror("rm");
  }
};

std::string content(const std::string& path) {
  std::ifstream in(path);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

std::size_t count_lines(const std::string& text) { return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')); }

}  // namespace

TEST_CASE("lines of several threads arrive whole and in each one's order") {
  TempDir dir;
  LogWriter writer;
  const auto target = writer.open(LogSpec::parse(dir.path + "/a.log", "t")).value();
  constexpr int threads = 3, each = 20'000;
  std::vector<LogRing*> rings;
  for (int t = 0; t < threads; ++t) rings.push_back(&writer.add_ring(1 << 16));
  writer.start();
  std::vector<std::thread> makers;
  std::vector<int> refused(threads, 0);
  for (int t = 0; t < threads; ++t)
    makers.emplace_back([&, t] {
      for (int i = 0; i < each; ++i)
        if (!rings[t]->write(target, std::to_string(t) + ' ' + std::to_string(i) + ' ' + std::string(static_cast<std::size_t>(i) % 90, 'x'))) ++refused[t];
    });
  for (auto& maker : makers) maker.join();
  writer.stop();
  std::ifstream in(dir.path + "/a.log");
  std::vector<int> next(threads, -1);
  std::size_t lines = 0;
  for (std::string line; std::getline(in, line); ++lines) {
    std::istringstream fields(line);
    int t = -1, i = -1;
    std::string rest;
    fields >> t >> i >> rest;
    REQUIRE(t >= 0);
    REQUIRE(t < threads);
    REQUIRE(i > next[t]);
    REQUIRE(rest.size() == static_cast<std::size_t>(i) % 90);
    next[t] = i;
  }
  const auto dropped = static_cast<std::size_t>(refused[0] + refused[1] + refused[2]);
  CHECK(lines == threads * each - dropped);
  CHECK(writer.dropped() == dropped);
  CHECK(writer.lines() == lines);
  CHECK(writer.lost() == 0);
}

TEST_CASE("a full ring drops whole lines and counts them") {
  TempDir dir;
  LogWriter writer;
  const auto target = writer.open(LogSpec::parse(dir.path + "/a.log", "t")).value();
  LogRing& ring = writer.add_ring(4096);
  const std::string line(100, 'x');
  int kept = 0;
  while (ring.write(target, line)) ++kept;
  CHECK(kept == 4096 / 108);
  CHECK_FALSE(ring.write(target, line));
  CHECK(writer.dropped() == 2);
  writer.start();
  writer.flush();
  CHECK(ring.write(target, "after"));
  writer.stop();
  const std::string text = content(dir.path + "/a.log");
  CHECK(count_lines(text) == static_cast<std::size_t>(kept) + 1);
  CHECK(text.ends_with(line + "\nafter\n"));
}

TEST_CASE("reopening loses nothing: before goes to the old file, after to the new one") {
  TempDir dir;
  const std::string path = dir.path + "/a.log";
  LogWriter writer;
  const auto target = writer.open(LogSpec::parse(path, "t")).value();
  CHECK(writer.open(LogSpec::parse(path, "t")).value() == target);
  LogRing& ring = writer.add_ring();
  writer.start();
  ring.write(target, "one");
  REQUIRE(::rename(path.c_str(), (path + ".1").c_str()) == 0);
  ring.write(target, "two");
  writer.reopen();
  writer.flush();
  ring.write(target, "three");
  writer.flush();
  CHECK(content(path + ".1") == "one\ntwo\n");
  CHECK(content(path) == "three\n");
  // A place that cannot be opened: on in the old file, counted.
  REQUIRE(std::system(("mv " + dir.path + " " + dir.path + ".moved").c_str()) == 0);
  writer.reopen();
  ring.write(target, "four");
  writer.flush();
  CHECK(writer.reopen_failures() == 1);
  CHECK(content(dir.path + ".moved/a.log") == "three\nfour\n");
  REQUIRE(std::system(("mv " + dir.path + ".moved " + dir.path).c_str()) == 0);
}

TEST_CASE("a full disk stops nothing and is counted") {
  LogWriter writer;
  const auto target = writer.open(LogSpec::parse("/dev/full", "t")).value();
  LogRing& ring = writer.add_ring();
  writer.start();
  for (int i = 0; i < 10; ++i) CHECK(ring.write(target, "lost"));
  writer.flush();
  CHECK(writer.lost() == 10);
  writer.stop();
}

TEST_CASE("a log that cannot be opened says which and why") {
  LogWriter writer;
  const auto target = writer.open(LogSpec::parse("/nowhere/a.log", "t"));
  REQUIRE_FALSE(target.has_value());
  CHECK(target.error() == "cannot open log /nowhere/a.log: No such file or directory");
}

TEST_CASE("syslog datagrams carry priority, time and tag") {
  TempDir dir;
  const std::string path = dir.path + "/log";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  LogWriter writer;
  const auto target = writer.open(LogSpec::parse("syslog:" + path, "balancer")).value();
  LogRing& ring = writer.add_ring();
  writer.start();
  ring.write(target, "hello", 4);
  char buffer[256]{};
  REQUIRE(::recv(fd, buffer, sizeof buffer - 1, 0) > 0);
  const std::string text(buffer);
  CHECK(text.starts_with("<132>"));
  CHECK(text.ends_with(" balancer[" + std::to_string(::getpid()) + "]: hello"));
  ::close(fd);
  ring.write(target, "nobody listens");
  writer.flush();
  CHECK(writer.lost() == 1);
}

TEST_CASE("error log: levels, text form, escaping") {
  TempDir dir;
  const std::string path = dir.path + "/error.log";
  LogWriter writer;
  const auto target = writer.open(LogSpec::parse(path, "t")).value();
  observe::ErrorLog::Options options;
  options.level = observe::Level::warn;
  options.now = [] { return std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000)); };
  observe::ErrorLog log(options);
  log.attach(writer, target);
  writer.start();
  CHECK_FALSE(log.enabled(observe::Level::notice));
  log.write(observe::Level::notice, "unseen");
  log.write(observe::Level::warn, "line\nforged \xc3\xa4");
  log.set_format(observe::ErrorLog::Format::json);
  log.write(observe::Level::crit, "say \"hi\"\n");
  writer.flush();
  const std::string text = content(path);
  CHECK(count_lines(text) == 2);
  const std::string id = std::to_string(::getpid()) + '#';
  CHECK(text.find(" [warn] " + id) != std::string::npos);
  CHECK(text.find("line\\x0aforged \xc3\xa4\n") != std::string::npos);
  CHECK(text.find("\"level\":\"crit\"") != std::string::npos);
  CHECK(text.find("\"message\":\"say \\\"hi\\\"\\u000a\"}") != std::string::npos);
  CHECK(text[4] == '/');
  CHECK(log.count(observe::Level::notice) == 1);
  CHECK(observe::parse_level("error") == observe::Level::error);
  CHECK_FALSE(observe::parse_level("loud"));
}

TEST_CASE("error log: what repeats is limited by key and summed up") {
  TempDir dir;
  const std::string path = dir.path + "/error.log";
  LogWriter writer;
  const auto target = writer.open(LogSpec::parse(path, "t")).value();
  auto now = std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000));
  observe::ErrorLog::Options options;
  options.burst = 2;
  options.now = [&] { return now; };
  observe::ErrorLog log(options);
  log.attach(writer, target);
  writer.start();
  for (int i = 0; i < 5; ++i) log.write(observe::Level::error, "server s1 failed: try " + std::to_string(i), "s1");
  log.write(observe::Level::error, "other");
  now += std::chrono::seconds(11);
  log.write(observe::Level::error, "server s1 failed again", "s1");
  writer.flush();
  const std::string text = content(path);
  CHECK(count_lines(text) == 4);
  CHECK(text.find("try 1\n") != std::string::npos);
  CHECK(text.find("try 2") == std::string::npos);
  CHECK(text.find("again (and 3 more like this before)\n") != std::string::npos);
  CHECK(log.suppressed() == 3);
}
