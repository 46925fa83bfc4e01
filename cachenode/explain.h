// SPDX-License-Identifier: BSD-2-Clause
// `cachenode explain [-X METHOD] [-H FIELD]… URL`: what would be done with a request, and why, from the decisions that serve.
#pragma once

#include "cachenode/shared.h"
#include "process/admin_registry.h"

namespace cachenode {

// `store` null: from the configuration alone. Changes nothing.
void explain(Shared& shared, store::Store* store, base::TimePoint now, process::AdminArguments arguments, process::Reply& reply);

}  // namespace cachenode
