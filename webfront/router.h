// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// The route of a request: the first of its site that matches. Immutable configuration; any thread.
#pragma once

#include <algorithm>

#include "webfront/site.h"

namespace webfront {

template <observe::Why W>
bool route_matches(const Route& route, std::int64_t place, const RequestView& view, W& why) {
  if (!route.path.matches(view.match) || (route.virtual_host && route.virtual_host->api && !below(view.match, api_segment))) {
    why.considered(reasons::route_path, place, 0, route.label);
    return false;
  }
  if (!route.methods.empty() && std::find(route.methods.begin(), route.methods.end(), view.method_name) == route.methods.end()) {
    why.considered(reasons::method_differs, 0, 0, view.method_name);
    why.considered(reasons::route_if, place, 0, route.label);
    return false;
  }
  if (route.only_if.given() && !holds(route.only_if, view, why)) {
    why.considered(reasons::route_if, place, 0, route.label);
    return false;
  }
  if (route.unless.given() && holds(route.unless, view, why)) {
    why.considered(reasons::route_unless, place, 0, route.label);
    return false;
  }
  return true;
}

// Null: 404.
template <observe::Why W>
const Route* pick_route(const Site& site, const RequestView& view, W& why) {
  for (std::size_t i = 0; i < site.routes.size(); ++i) {
    const auto place = static_cast<std::int64_t>(i + 1);
    if (!route_matches(site.routes[i], place, view, why)) continue;
    why.because(reasons::route_taken, place, 0, site.routes[i].label);
    return &site.routes[i];
  }
  why.because(reasons::route_none);
  return nullptr;
}

}  // namespace webfront
