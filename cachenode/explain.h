// SPDX-License-Identifier: BSD-2-Clause
// `cachenode explain [-X METHOD] [-H FIELD]… URL`: what would be done with a request, and why, from the decisions that serve.
#pragma once

#include "cachenode/generation.h"
#include "cachenode/store/store.h"
#include "process/admin_registry.h"

namespace cachenode {

// `store` null: from the configuration alone. `sick`: the origin's probe says so. Changes nothing.
void explain(const Compiled& compiled, store::Store* store, bool sick, base::TimePoint now, process::AdminArguments arguments, process::Reply& reply);

}  // namespace cachenode
