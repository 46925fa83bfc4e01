// SPDX-License-Identifier: BSD-2-Clause
// What would happen to a request, and why: the decisions that serve, with the recorder that keeps everything. Changes
// nothing. Control thread.
#pragma once

#include <string>

#include "balancer/backend.h"
#include "process/admin_registry.h"

namespace balancer {

// `arguments`: [-X METHOD] [-H FIELD]... [-f FRONTEND] URL. `live`: rows are as they are now; else every server is taken as up.
void explain(const Plan& plan, bool live, process::AdminArguments arguments, process::Reply& reply);

}  // namespace balancer
