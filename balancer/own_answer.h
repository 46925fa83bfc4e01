// SPDX-License-Identifier: BSD-2-Clause
// Answers that the balancer makes itself: errors with their Proxy-Status, the health page. Pure; any thread.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "http/head.h"

namespace balancer {

struct OwnAnswer {
  http::ResponseHead head;
  std::string body;
};

// `next_hop`: "backend/server" where one was asked, else empty. `pages`: error pages by status, may be null.
OwnAnswer error_answer(const base::Error& error, std::string_view next_hop, const std::map<int, std::string>* pages);
OwnAnswer health_answer(const base::ReasonRow& row, std::string_view backend);

}  // namespace balancer
