// SPDX-License-Identifier: BSD-2-Clause
#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace base {
namespace {
thread_local CheckHook hook_ = nullptr;
thread_local void* hook_context_ = nullptr;
}  // namespace

void set_check_hook(CheckHook hook, void* context) {
  hook_ = hook;
  hook_context_ = context;
}

void check_failed(const char* file, int line, const char* condition, const char* message) {
  std::fprintf(stderr, "%s:%d: CHECK failed: %s %s\n", file, line, condition, message);
  if (CheckHook hook = hook_) {
    hook_ = nullptr;  // a hook that fails itself must not recurse
    hook(hook_context_);
  }
  std::fflush(stderr);
  std::abort();
}

}  // namespace base
