// SPDX-License-Identifier: BSD-2-Clause
// What a failed check prints, in a child process.
#include <catch2/catch.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <limits>
#include <string>

#include "base/check.h"
#include "base/check_text.h"

namespace {

std::string read_all(int fd) {
  std::string out;
  char part[4096];
  for (ssize_t n; (n = ::read(fd, part, sizeof part)) > 0;) out.append(part, static_cast<std::size_t>(n));
  ::close(fd);
  return out;
}

// Standard error of a child that runs `what`, and the signal that ended it.
template <class F>
std::string last_words(F what, int& signal) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    std::signal(SIGABRT, SIG_DFL);  // not Catch's
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    what();
    ::_exit(0);
  }
  ::close(ends[1]);
  const std::string out = read_all(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return out;
}

}  // namespace

TEST_CASE("a failed check prints its place and the thread's hook, then aborts") {
  int signal = 0;
  const std::string said = last_words(
      [] {
        base::set_check_hook([](void* context) { base::CheckText(STDERR_FILENO).text(static_cast<const char*>(context)).line(); }, const_cast<char*>("the history"));
        BASE_CHECK_MSG(1 + 1 == 3, "sums are wrong");
      },
      signal);
  CHECK(signal == SIGABRT);
  CHECK(said.find("check_test.cc:") != std::string::npos);
  CHECK(said.find(": CHECK failed: 1 + 1 == 3 sums are wrong\nthe history\n") != std::string::npos);
}

TEST_CASE("a hook that fails a check itself does not run again") {
  int signal = 0;
  const std::string said = last_words(
      [] {
        base::set_check_hook([](void*) { BASE_CHECK_MSG(false, "within"); }, nullptr);
        BASE_CHECK_MSG(false, "outside");
      },
      signal);
  CHECK(signal == SIGABRT);
  CHECK(said.find("outside\n") != std::string::npos);
  CHECK(said.find("within\n") != std::string::npos);
  CHECK(said.find("within\n", said.find("within\n") + 1) == std::string::npos);
}

TEST_CASE("text without stdio") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  {
    base::CheckText text(ends[1]);
    text.text("a\nb\x7f").number(0).text(" ").number(-12).text(" ").number(std::numeric_limits<std::int64_t>::min()).line();
    text.milliseconds(12'345).text(" ").milliseconds(99).text(" ").milliseconds(-5).line();
    text.text(std::string(2000, 'x')).line();
  }
  ::close(ends[1]);
  CHECK(read_all(ends[0]) == "a?b?0 -12 -9223372036854775808\n12.3ms 0.0ms 0.0ms\n" + std::string(2000, 'x') + "\n");
}
