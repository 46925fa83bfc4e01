// SPDX-License-Identifier: BSD-2-Clause
#include "process/signals.h"

#include <csignal>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/check.h"

namespace process {
namespace {

sigset_t handled() {
  sigset_t set;
  sigemptyset(&set);
  for (int number : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH}) sigaddset(&set, number);
  return set;
}

}  // namespace

void Signals::block() {
  const sigset_t set = handled();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

Signals::Signals(net::EventLoop& loop, net::TaskOwner& owner, std::function<void(int)> handler) : Task(loop, owner), handler_(std::move(handler)) {
  const sigset_t set = handled();
  fd_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  CHECK(fd_ >= 0);
  CHECK(ready_.register_fd(loop, fd_, *this));  // at start only
  ring();
}

Signals::~Signals() {
  ready_.unregister();
  ::close(fd_);
}

net::Task::Step Signals::run() {
  signalfd_siginfo info;
  while (::read(fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) handler_(static_cast<int>(info.ssi_signo));
  ready_.readable = false;
  return Step::wait;
}

}  // namespace process
