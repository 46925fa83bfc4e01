// SPDX-License-Identifier: BSD-2-Clause
#include "base/check.h"

#include <unistd.h>

#include <cstdlib>

#include "base/check_text.h"

namespace base {
namespace {
thread_local CheckHook hook_ = nullptr;
thread_local void* hook_context_ = nullptr;
}  // namespace

void set_check_hook(CheckHook hook, void* context) {
  hook_ = hook;
  hook_context_ = context;
}

void run_check_hook() {
  const CheckHook hook = hook_;
  hook_ = nullptr;  // a hook that fails itself must not recurse
  if (hook) hook(hook_context_);
}

void check_failed(const char* file, int line, const char* condition, const char* message) {
  CheckText(STDERR_FILENO).text(file).text(":").number(line).text(": CHECK failed: ").text(condition).text(" ").text(message).line();
  run_check_hook();
  std::abort();
}

}  // namespace base
