// SPDX-License-Identifier: BSD-2-Clause
// Answers that webfront makes itself: errors with their Proxy-Status, configured answers, redirects. Pure; any thread.
#pragma once

#include <string>

#include "base/result.h"
#include "http/head.h"
#include "webfront/site.h"

namespace webfront {

struct OwnAnswer {
  http::ResponseHead head;
  std::string body;
};

// `site` may be null; its error pages replace the body only, status and Retry-After stay. `next_hop`: the upstream asked, if any.
OwnAnswer error_answer(const base::Error& error, const Site* site, std::string_view next_hop);
// A plain page of a status, as routes with `respond` and files give it.
OwnAnswer status_answer(int status, const Site* site);
OwnAnswer respond_answer(const Respond& respond, const Site* site);
OwnAnswer redirect_answer(int status, std::string_view location);

// Fields set and removed by site and route, variables expanded.
void edit_headers(http::ResponseHead& head, const Site* site, const Route* route, const RequestView& view, bool from_upstream);

}  // namespace webfront
