// SPDX-License-Identifier: BSD-2-Clause
// What the network tests share: tasks made of lambdas, loops that turn until something is true, bytes from and to transports.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/event_loop.h"
#include "net/mailbox.h"
#include "net/transport.h"

namespace net_test {

struct Owner final : net::TaskOwner {
  std::vector<net::Task*> reaped;
  std::function<void(net::Task&)> on_reap;
  void reap(net::Task& child) override {
    reaped.push_back(&child);
    if (on_reap) on_reap(child);
  }
};

struct LambdaTask final : net::Task {
  using Body = std::function<Step(LambdaTask&)>;
  LambdaTask(net::EventLoop& loop, Owner& owner, Body body = {}) : Task(loop, owner), body_(std::move(body)) {}
  Step run() override {
    ++runs;
    return body_ ? body_(*this) : Step::wait;
  }
  using Task::clear_deadline;
  using Task::deadline_passed;
  using Task::set_deadline;
  using Task::set_deadline_after;
  int runs = 0;

 private:
  Body body_;
};

// Turns the loop until `condition` holds; false after ten seconds.
inline bool until(net::EventLoop& loop, const std::function<bool()>& condition) {
  const auto end = base::precise_now() + std::chrono::seconds(10);
  Owner owner;
  LambdaTask watch(loop, owner);
  while (!condition()) {
    if (base::precise_now() > end) return false;
    watch.set_deadline_after(std::chrono::milliseconds(20));  // never sleep for ever
    loop.turn(true);
  }
  return true;
}

inline std::string pattern(std::size_t n) {
  std::string out(n, 0);
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  return out;
}

// A temporary directory that goes with its contents.
struct TempDir {
  std::string path;
  TempDir() {
    char name[] = "/tmp/trivet-net-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~TempDir() {
    const std::string command = "rm -rf '" + path + "'";
    if (std::system(command.c_str()) != 0) std::perror("rm");
  }
};

inline std::shared_ptr<net::SharedFile> temp_file(const std::string& content) {
  char name[] = "/tmp/trivet-file-XXXXXX";
  const int fd = ::mkstemp(name);
  ::unlink(name);
  if (::write(fd, content.data(), content.size()) != static_cast<ssize_t>(content.size())) std::abort();
  return std::make_shared<net::SharedFile>(fd);
}

}  // namespace net_test
