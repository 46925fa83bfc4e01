// SPDX-License-Identifier: BSD-2-Clause
#include "process/crash.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/check.h"
#include "base/check_text.h"

namespace process {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
constexpr bool sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool sanitized = false;
#endif

struct Fatal {
  int number;
  const char* name;
};
constexpr Fatal fatal[] = {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGFPE, "SIGFPE"}, {SIGILL, "SIGILL"}, {SIGABRT, "SIGABRT"}};

// The handler is gone when it runs (SA_RESETHAND): whatever goes wrong in here ends the process, too.
void last_words(int number) {
  const char* name = "signal";
  for (const Fatal& one : fatal)
    if (one.number == number) name = one.name;
  char thread[16] = "";
  ::prctl(PR_GET_NAME, thread);
  base::CheckText(STDERR_FILENO).text(name).text(" in thread ").text(thread).text(" of process ").number(::getpid()).line();
  base::run_check_hook();
  ::raise(number);
}

}  // namespace

void print_last_words() {
  if (sanitized) return;
  struct sigaction action {};
  action.sa_handler = last_words;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  ::sigemptyset(&action.sa_mask);
  for (const Fatal& one : fatal) ::sigaction(one.number, &action, nullptr);
}

}  // namespace process
