// SPDX-License-Identifier: BSD-2-Clause
// Last words of a process: which thread, and what the task says that ran there. In child processes.
#include "process/crash.h"

#include <catch2/catch.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "base/check.h"
#include "base/check_text.h"
#include "net/worker.h"

namespace {

class Clumsy final : public net::Task, public net::TaskOwner {
 public:
  Clumsy(net::EventLoop& loop, std::function<void()> what) : Task(loop, *this), what_(std::move(what)) { ring(); }
  ~Clumsy() override = default;
  void reap(net::Task&) override {}

 protected:
  Step run() override {
    what_();
    return Step::wait;
  }
  void describe(int fd) const noexcept override { base::CheckText(fd).text("exchange 7.1: route +0.0ms queue +1.5ms").line(); }

 private:
  std::function<void()> what_;
};

// What a process says whose worker does that, and the signal it dies of.
std::string last_words(const std::function<void()>& what, int& signal) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    for (const int one : {SIGSEGV, SIGABRT, SIGFPE, SIGILL}) std::signal(one, SIG_DFL);  // not Catch's
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    process::print_last_words();
    net::Thread thread("unlucky", 0);
    thread.start([&] { new Clumsy(thread.loop(), what); });
    for (;;) ::pause();
  }
  ::close(ends[1]);
  std::string out;
  char part[4096];
  for (ssize_t n; (n = ::read(ends[0], part, sizeof part)) > 0;) out.append(part, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return out;
}

constexpr bool sanitized =
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    true;
#elif defined(__has_feature)
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
    false;
#endif

}  // namespace

TEST_CASE("a check that fails in a task prints what the task says of itself") {
  int signal = 0;
  const std::string said = last_words([] { BASE_CHECK_MSG(false, "by mistake"); }, signal);
  CHECK(signal == SIGABRT);
  CHECK(said.find("CHECK failed: false by mistake\nexchange 7.1: route +0.0ms queue +1.5ms\n") != std::string::npos);
  if (!sanitized) CHECK(said.find("SIGABRT in thread unlucky of process ") != std::string::npos);
}

TEST_CASE("a signal that ends the process does so with last words") {
  if (sanitized) return;  // the sanitizers' handlers are better
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    int signal = 0;
    const std::string said = last_words([number] { ::raise(number); }, signal);
    CHECK(signal == number);
    CHECK(said.find(" in thread unlucky of process ") != std::string::npos);
    CHECK(said.find("exchange 7.1: route") != std::string::npos);
  }
}
