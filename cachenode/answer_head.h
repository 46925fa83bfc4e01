// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// Heads on their way: what a look-up fetch asks, what is kept of an answer, what a validating 304 changes. Any thread.
#pragma once

#include <string_view>

#include "cachenode/policy.h"
#include "cachenode/request_plan.h"
#include "http/head.h"

namespace cachenode {

// The request of a fetch: a GET that anybody could have made. `stored`: validators of what is stored, or null.
http::RequestHead fetch_request(const Policy& policy, const http::RequestHead& client, const RequestPlan& plan, const http::ResponseHead* stored);
// What a passed request becomes: Host in key form, everything else as it came. (Hop-by-hop fields and Via are the caller's.)
void pass_request(http::RequestHead& head, const RequestPlan& plan);

// What is kept of an answer, in the form that clients get. `vary`: vary_names(); `client_cache_control` may be null.
http::ResponseHead kept_head(const Policy& policy, const http::ResponseHead& answer, const Rule* request_rule, const Rule* answer_rule,
                             const char* client_cache_control);
// What the origin said of lifetimes and clients do not get that way: kept beside the head, put back before a 304 is merged.
http::ResponseHead control_fields(const http::ResponseHead& answer);
http::ResponseHead with_control_fields(const http::ResponseHead& kept, const http::ResponseHead& control);
// For answers that are not stored: what clients must not see.
void client_head(const Policy& policy, http::ResponseHead& head);

// A validating 304 updates the stored fields but for Content-Length and hop-by-hop ones; absent ones are kept (RFC 9111 3.2).
// False: it names another entity tag than was asked for, so it says nothing about what is stored.
bool merge_not_modified(const http::ResponseHead& stored, const http::ResponseHead& not_modified, http::ResponseHead& merged);

}  // namespace cachenode
