// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// Reasons of webfront's decisions and of the errors it makes itself: one row each, compared by address. Constants; any thread.
#pragma once

#include "base/reason.h"

namespace webfront::reasons {

using Row = base::ReasonRow;

// Sites. {a}: place of the site in the configuration, from 1; {s}: a name of it.
inline constexpr Row site_exact{"site-exact", "site {a} is named {s}"};
inline constexpr Row site_wildcard{"site-wildcard", "site {a} has the wildcard {s}"};
inline constexpr Row site_default{"site-default", "site {a} takes every host"};
inline constexpr Row site_first{"site-first", "no host was named: site {a} is the first"};
inline constexpr Row site_scheme{"site-scheme", "site {a} ({s}) is not for this scheme"};
inline constexpr Row site_other{"site-other", "site {a} ({s}) has other names"};
inline constexpr Row site_unknown{"site-unknown", "no site is named {s}", 421, "destination_not_found"};

// Methods that webfront never forwards.
inline constexpr Row method_refused{"method-refused", "the method {s} is not for the public side", 405, "http_request_denied"};

// Paths. {s}: the segment.
inline constexpr Row virtual_host_segment{"virtual-host-segment", "the path has the virtual-host segment {s}, which only webfront may write", 400,
                                          "http_request_denied"};
inline constexpr Row virtual_host_name{"virtual-host-name", "the host {s} cannot stand in a virtual-host path", 400, "http_request_error"};
inline constexpr Row prefix_in_segment{"prefix-in-segment", "the path hides the end of {s} inside an encoded segment", 400, "http_request_error"};

// Routes. {a}: place of the route in its site, from 1; {s}: its label.
inline constexpr Row route_taken{"route", "route {a} ({s}) matches"};
inline constexpr Row route_path{"route-path", "route {a} ({s}) is for another path"};
inline constexpr Row route_if{"route-if", "route {a} ({s}): its `if` does not hold"};
inline constexpr Row route_unless{"route-unless", "route {a} ({s}): its `unless` holds"};
inline constexpr Row route_none{"route-none", "no route of the site matches", 404, "destination_not_found"};

// Parts of conditions. {s}: what was looked at.
inline constexpr Row client_inside{"client-inside", "the client {s} is in the networks"};
inline constexpr Row client_outside{"client-outside", "the client {s} is in none of the networks"};
inline constexpr Row method_differs{"method-differs", "the method is {s}"};
inline constexpr Row header_lacks{"header-lacks", "no field {s} with that value"};
inline constexpr Row cookie_lacks{"cookie-lacks", "no cookie {s}"};
inline constexpr Row path_differs{"path-differs", "the path is not {s}"};

// What a route does.
inline constexpr Row act_respond{"respond", "answered here with status {a}"};
inline constexpr Row act_redirect{"redirect", "redirected with status {a} to {s}"};
inline constexpr Row act_files{"files", "served from files: {s}"};
inline constexpr Row act_proxy{"proxy", "sent on to {s}"};
inline constexpr Row act_nothing{"route-empty", "the route says nothing to do", 500, "proxy_configuration_error"};
inline constexpr Row target_same{"target-same", "the target is forwarded as it came"};
inline constexpr Row target_rewritten{"target-rewritten", "rewritten to {s}"};
inline constexpr Row rewrite_unmatched{"rewrite-unmatched", "the rewrite's pattern does not match the path"};
inline constexpr Row target_vhm{"target-vhm", "virtual-host path {s}"};

// Ends. (Errors of the engine and of queues have rows of their own.)
inline constexpr Row stopped{"stopped", "webfront stopped"};

}  // namespace webfront::reasons
