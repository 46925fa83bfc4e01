// SPDX-License-Identifier: BSD-2-Clause
// Logs that come and go while lines are written: closing, opening again, descriptors of others, disks that are full.
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>
#include <thread>

#include "observe/log_writer.h"
#include "observe/metrics.h"

using observe::LogRing;
using observe::LogSpec;
using observe::LogTarget;
using observe::LogWriter;

namespace {

struct Directory {
  std::string path;
  Directory() {
    char name[] = "/tmp/log_close_XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Directory() { std::filesystem::remove_all(path); }
  std::string operator/(const std::string& name) const { return path + "/" + name; }
};

std::string content(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::size_t descriptors() {
  std::size_t n = 0;
  for ([[maybe_unused]] const auto& one : std::filesystem::directory_iterator("/proc/self/fd")) ++n;
  return n;
}

LogTarget open_at(LogWriter& writer, const std::string& path) { return writer.open(LogSpec::parse(path, "t")).value(); }

}  // namespace

TEST_CASE("a closed log has all lines that were written before") {
  Directory dir;
  LogWriter writer;
  const LogTarget target = open_at(writer, dir / "a");
  LogRing& ring = writer.add_ring();
  writer.start();
  const std::size_t before = descriptors();
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    ring.write(target, "line " + std::to_string(i));
    expected += "line " + std::to_string(i) + "\n";
  }
  writer.close(target);
  writer.flush();
  CHECK(content(dir / "a") == expected);
  CHECK(descriptors() == before - 1);
  CHECK(writer.lost() == 0);
  // Its number is free.
  CHECK(open_at(writer, dir / "b") == target);
  ring.write(target, "other");
  writer.flush();
  CHECK(content(dir / "b") == "other\n");
  CHECK(content(dir / "a") == expected);
}

TEST_CASE("lines to a closed log are lost, counted, and stop nobody") {
  Directory dir;
  LogWriter writer;
  const LogTarget gone = open_at(writer, dir / "a"), stays = open_at(writer, dir / "b");
  LogRing& ring = writer.add_ring();
  writer.start();
  writer.close(gone);
  writer.flush();
  ring.write(gone, "nobody");
  ring.write(stays, "somebody");
  ring.write(99, "never opened");
  ring.write(stays, "somebody else");
  writer.flush();
  CHECK(content(dir / "b") == "somebody\nsomebody else\n");
  CHECK(writer.lost() == 2);
}

TEST_CASE("opened again before the close was carried out, a log stays") {
  Directory dir;
  LogWriter writer;
  const LogTarget target = open_at(writer, dir / "a");
  LogRing& ring = writer.add_ring();
  writer.close(target);  // the writer does not run yet
  CHECK(open_at(writer, dir / "a") == target);
  writer.start();
  writer.flush();
  ring.write(target, "alive");
  writer.flush();
  CHECK(content(dir / "a") == "alive\n");
}

TEST_CASE("a thousand times there and back leave nothing behind") {
  Directory dir;
  LogWriter writer;
  LogRing& ring = writer.add_ring();
  LogTarget target = open_at(writer, dir / "0");
  writer.start();
  const std::size_t before = descriptors();
  LogTarget highest = 0;
  for (int i = 1; i <= 1000; ++i) {
    const LogTarget next = open_at(writer, dir / std::to_string(i % 2));
    REQUIRE(next != target);
    ring.write(target, "to the old one");
    ring.write(next, "to the new one");
    writer.close(target);
    target = next;
    highest = std::max(highest, next);
    if (i % 7 == 0) writer.flush();
  }
  writer.flush();
  CHECK(descriptors() == before);
  CHECK(highest <= 2);
  CHECK(writer.lost() == 0);
  std::size_t lines = 0;
  for (const char* name : {"0", "1"})
    for (const char c : content(dir / name)) lines += c == '\n';
  CHECK(lines == 2000);
}

TEST_CASE("logs come and go under threads that write") {
  Directory dir;
  LogWriter writer;
  const LogTarget stays = open_at(writer, dir / "stays");
  LogRing* rings[2] = {&writer.add_ring(), &writer.add_ring()};
  writer.start();
  std::atomic<bool> stop{false};
  std::size_t written[2] = {};
  std::thread threads[2];
  for (int t = 0; t < 2; ++t)
    threads[t] = std::thread([&, t] {
      while (!stop) written[t] += rings[t]->write(stays, "0123456789");
    });
  LogRing& own = writer.add_ring();
  std::size_t to_others = 0;
  for (int i = 0; i < 300; ++i) {
    const LogTarget target = open_at(writer, dir / ("other" + std::to_string(i % 3)));
    to_others += own.write(target, "x");
    writer.close(target);
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  writer.stop();
  CHECK(writer.lost() == 0);
  CHECK(std::filesystem::file_size(dir / "stays") == 11 * (written[0] + written[1]));
  std::size_t found = 0;
  for (int i = 0; i < 3; ++i) found += std::filesystem::file_size(dir / ("other" + std::to_string(i))) / 2;
  CHECK(found == to_others);
}

TEST_CASE("descriptors of others are taken over, and others open again") {
  Directory dir;
  LogWriter writer;
  std::atomic<int> asked{0};
  writer.set_file_opener([&](const std::string& path) {
    ++asked;
    return ::open((path + ".by-others").c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  });
  LogRing& ring = writer.add_ring();
  const std::size_t before = descriptors();
  const auto open_one = [&] { return ::open((dir / "a").c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600); };
  const LogTarget target = writer.open(LogSpec::parse(dir / "a", "t"), open_one()).value();
  CHECK(asked == 0);
  CHECK(descriptors() == before + 1);
  CHECK(writer.open(LogSpec::parse(dir / "a", "t"), open_one()).value() == target);
  CHECK(descriptors() == before + 1);  // one was enough
  writer.start();
  ring.write(target, "one");
  writer.reopen();
  writer.flush();
  ring.write(target, "two");
  writer.flush();
  CHECK(asked == 1);
  CHECK(content(dir / "a") == "one\n");
  CHECK(content(dir / "a.by-others") == "two\n");
  const LogTarget other = open_at(writer, dir / "b");
  ring.write(other, "three");
  writer.flush();
  CHECK(content(dir / "b.by-others") == "three\n");
}

TEST_CASE("an opener that refuses says why, and reopening goes on in the old file") {
  Directory dir;
  LogWriter writer;
  const LogTarget target = open_at(writer, dir / "a");
  bool refuse = true;
  writer.set_file_opener([&](const std::string&) {
    errno = EACCES;
    return refuse ? -1 : 0;
  });
  CHECK(writer.open(LogSpec::parse(dir / "b", "t")).error() == "cannot open log " + (dir / "b") + ": Permission denied");
  LogRing& ring = writer.add_ring();
  writer.start();
  writer.reopen();
  ring.write(target, "still");
  writer.flush();
  CHECK(writer.reopen_failures() == 1);
  CHECK(content(dir / "a") == "still\n");
}

TEST_CASE("flush_then calls when everything before is written") {
  Directory dir;
  LogWriter writer;
  const LogTarget target = open_at(writer, dir / "a");
  LogRing& ring = writer.add_ring();
  ring.write(target, "one");
  std::promise<std::string> found;
  writer.flush_then([&] { found.set_value(content(dir / "a")); });
  writer.start();
  CHECK(found.get_future().get() == "one\n");
}

TEST_CASE("a line that an earlier process left torn is ended first") {
  Directory dir;
  std::ofstream(dir / "a") << "whole\ntor";
  LogWriter writer;
  const LogTarget target = open_at(writer, dir / "a");
  LogRing& ring = writer.add_ring();
  writer.start();
  ring.write(target, "next");
  writer.flush();
  CHECK(content(dir / "a") == "whole\ntor\nnext\n");
}

// A disk of 64 KiB, where the system lets us have one.
TEST_CASE("a disk that was full tears one line at most, and recovers") {
  Directory dir;
  if (std::system(("mount -t tmpfs -o size=64k none " + dir.path + " 2>/dev/null").c_str()) != 0) {
    WARN("no right to mount a file system: not tested");
    return;
  }
  {
    LogWriter writer;
    const LogTarget target = open_at(writer, dir / "a");
    LogRing& ring = writer.add_ring();
    writer.start();
    std::size_t written = 0;
    for (int i = 0; i < 2000; ++i) written += ring.write(target, "line " + std::to_string(i) + std::string(60, '.') + "!");
    writer.flush();
    for (int i = 0; i < 100; ++i) written += ring.write(target, "line " + std::to_string(i) + std::string(60, '.') + "!");
    writer.flush();
    CHECK(written == 2100);
    CHECK(writer.lost() > 0);
    // Opening the same file again forgets nothing of it.
    writer.reopen();
    writer.flush();
    REQUIRE(std::system(("mount -o remount,size=1m " + dir.path).c_str()) == 0);
    for (int i = 0; i < 10; ++i) ring.write(target, "line " + std::to_string(i) + std::string(60, '.') + "!");
    writer.flush();
    const std::string text = content(dir / "a");
    std::size_t whole = 0, torn = 0;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      const bool is_whole = line.starts_with("line ") && line.ends_with("!") && line.find('!') == line.size() - 1 && line.find("line", 1) == std::string::npos;
      ++(is_whole ? whole : torn);
    }
    CHECK(torn <= 1);
    CHECK(text.ends_with("line 9" + std::string(60, '.') + "!\n"));
    CHECK(whole + writer.lost() == 2110);
  }
  REQUIRE(std::system(("umount " + dir.path).c_str()) == 0);
}

TEST_CASE("metrics of objects that go away") {
  observe::Metrics metrics(1);
  int reads = 0;
  const auto read = [&reads](double value) {
    return [&reads, value] {
      ++reads;
      return value;
    };
  };
  const auto first = metrics.gauge_function("rows", "Rows.", {{"name", "a"}}, read(1));
  metrics.gauge_function("rows", "Rows.", {{"name", "b"}}, read(2));
  metrics.counter("cells_total", "Cells.", {{"name", "a"}}).cell(0).add();
  metrics.remove("rows", {{"name", "c"}});
  metrics.remove("none", {});
  metrics.remove("cells_total", {{"name", "a"}});  // cells stay
  CHECK(metrics.text() == "# HELP cells_total Cells.\n# TYPE cells_total counter\ncells_total{name=\"a\"} 1\n"
                          "# HELP rows Rows.\n# TYPE rows gauge\nrows{name=\"a\"} 1\nrows{name=\"b\"} 2\n");
  // A successor registers before its predecessor leaves.
  const auto second = metrics.gauge_function("rows", "Rows.", {{"name", "a"}}, read(3));
  metrics.remove("rows", {{"name", "a"}}, first);
  CHECK(metrics.text().find("rows{name=\"a\"} 3\n") != std::string::npos);
  metrics.remove("rows", {{"name", "a"}}, second);
  metrics.remove("rows", {{"name", "b"}});
  reads = 0;
  CHECK(metrics.text().find("rows") == std::string::npos);
  CHECK(reads == 0);
}
