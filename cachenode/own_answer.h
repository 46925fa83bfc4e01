// SPDX-License-Identifier: BSD-2-Clause
// Answers that cachenode makes itself: errors with their Proxy-Status, results of invalidations. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "http/head.h"

namespace cachenode {

struct OwnAnswer {
  http::ResponseHead head;
  std::string body;
};

// `next_hop`: the origin where it was asked, else empty. 405 names the methods that are served.
OwnAnswer own_answer(const base::Error& error, std::string_view next_hop);
OwnAnswer purge_answer(std::size_t objects, int not_found);

}  // namespace cachenode
