// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// Cache-Status (RFC 9211): what happened to a request here, in one member of the list. Any thread.
#pragma once

#include <optional>
#include <string_view>

#include "base/reason.h"
#include "base/recycled.h"
#include "cachenode/freshness.h"

namespace cachenode {

struct CacheStatus {
  bool hit = false;
  Seconds ttl = 0;                    // hit
  const char* forward = nullptr;      // not a hit: bypass, method, uri-miss, vary-miss, stale, request, miss
  int forward_status = 0;             // what the origin answered, where it differs from what was sent
  bool stored = false;
  bool collapsed = false;
  base::Reason detail;
};

// Appends e.g. `cachenode; hit; ttl=376`, `cachenode; fwd=bypass; detail=authenticated:cookie:__ac`. `name`: a token or quoted here.
void render_cache_status(const CacheStatus& status, std::string_view name, base::RecycledString& out);

}  // namespace cachenode
