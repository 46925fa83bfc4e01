// SPDX-License-Identifier: BSD-2-Clause
#include "net/worker.h"

#include <pthread.h>
#include <signal.h>

#include "base/check.h"

namespace net {

Thread::Thread(std::string name, std::uint32_t id) : name_(std::move(name)), id_(id), loop_(clock_) {}

Thread::~Thread() {
  if (!thread_.joinable()) return;
  stop();
  thread_.join();
}

void Thread::start(Message first) {
  CHECK(!thread_.joinable());
  if (first) post(std::move(first));
  // Signals are for the thread that waits for them: a new thread inherits the mask of its maker.
  sigset_t all, before;
  sigfillset(&all);
  for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) sigdelset(&all, fault);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
    run_here();
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Thread::run_here() {
  clock_.refresh();
  loop_.run();
}

void Thread::stop(Message last) {
  post([this, last = std::move(last)]() mutable {
    if (last) last();
    loop_.stop();
  });
}

void Thread::join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace net
