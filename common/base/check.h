// SPDX-License-Identifier: BSD-2-Clause
// Checks of our own logic that stay on in production: a failed one prints where and what, then aborts.
// What a peer or a user sends never reaches a CHECK; it gives an Error. Any thread.
#pragma once

namespace base {

// Called before aborting, to print an exchange's history or other context; one a thread, may be null. It must only print, and only by
// means that are allowed in signal handlers (check_text.h).
using CheckHook = void (*)(void* context);
void set_check_hook(CheckHook hook, void* context);
// Runs the calling thread's hook, once: for signal handlers.
void run_check_hook();

[[noreturn]] void check_failed(const char* file, int line, const char* condition, const char* message);

}  // namespace base

#define BASE_CHECK(condition) \
  (static_cast<bool>(condition) ? static_cast<void>(0) : ::base::check_failed(__FILE__, __LINE__, #condition, ""))
#define BASE_CHECK_MSG(condition, message) \
  (static_cast<bool>(condition) ? static_cast<void>(0) : ::base::check_failed(__FILE__, __LINE__, #condition, message))

// Sources say CHECK; headers say BASE_CHECK, because unit tests include them beside Catch2, whose CHECK reports and goes on.
#ifndef CATCH_VERSION_MAJOR
#define CHECK(condition) BASE_CHECK(condition)
#define CHECK_MSG(condition, message) BASE_CHECK_MSG(condition, message)
#endif
