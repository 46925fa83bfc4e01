// SPDX-License-Identifier: BSD-2-Clause
// The access log of a worker: one line a request, HAProxy's httplog by default. Worker thread.
#pragma once

#include "observe/log_writer.h"

namespace balancer {

struct RequestLog {
  observe::LogRing* ring = nullptr;  // null: no access log
  observe::LogTarget target = 0;
};

}  // namespace balancer
