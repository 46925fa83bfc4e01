// SPDX-License-Identifier: BSD-2-Clause
// Mistakes that tests ask for, to see what becomes of them. Only in builds with TRIVET_TEST_HOOKS, which are never installed; otherwise
// there is nothing here.
#pragma once

#include "http/head.h"

#ifdef TRIVET_TEST_HOOKS
#include "base/check.h"
#endif

namespace http::test_hooks {

// `X-Test-Fail-Check: STATE`: a check fails when the exchange comes to that state.
inline void at_state([[maybe_unused]] const RequestHead& head, [[maybe_unused]] const char* state) {
#ifdef TRIVET_TEST_HOOKS
  BASE_CHECK_MSG(head.get("X-Test-Fail-Check") != std::string_view(state), "a test asked for it");
#endif
}

}  // namespace http::test_hooks
