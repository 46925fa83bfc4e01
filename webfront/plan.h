// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// The whole judgement of webfront over a request: refuse, answer, redirect, serve a file or send it on, and why. The serving
// machine (front_exchange) and `webfront explain` call the same template. Immutable configuration; any thread.
#pragma once

#include "webfront/rewrite.h"
#include "webfront/router.h"

namespace webfront {

enum class Action : std::uint8_t { refuse, respond, redirect, files, proxy };

struct Plan {
  Action action = Action::refuse;
  const Site* site = nullptr;    // null: none is named so
  const Route* route = nullptr;  // null: none was reached
  int status = 0;                // of refuse, respond, redirect
  std::string target;            // proxy: the target that leaves, empty if it is the client's
  std::string location;          // redirect
  std::string_view file;         // files: below the root; points into the view
  const base::ReasonRow* refusal = nullptr;
};

// PURGE and BAN in any letter case, CONNECT and TRACE.
bool refused_method(const RequestView& view);

template <observe::Why W>
Plan refuse(Plan plan, const base::ReasonRow& row, W&) {
  plan.action = Action::refuse;
  plan.refusal = &row;
  plan.status = row.status;
  return plan;
}

template <observe::Why W>
Plan decide(const std::vector<Site>& sites, const RequestView& view, W& why) {
  Plan plan;
  plan.site = pick_site(sites, view, why);
  if (refused_method(view)) {
    why.because(reasons::method_refused, 0, 0, view.method_name);
    return refuse(std::move(plan), reasons::method_refused, why);
  }
  if (!plan.site) return refuse(std::move(plan), reasons::site_unknown, why);
  if (plan.site->refuses_virtual_host) {
    if (const std::string_view segment = virtual_host_segment(view.match); !segment.empty()) {
      why.because(reasons::virtual_host_segment, 0, 0, segment);
      return refuse(std::move(plan), reasons::virtual_host_segment, why);
    }
  }
  plan.route = pick_route(*plan.site, view, why);
  if (!plan.route) return refuse(std::move(plan), reasons::route_none, why);
  const Route& route = *plan.route;
  if (route.respond) {
    plan.action = Action::respond;
    plan.status = route.respond->status;
    why.because(reasons::act_respond, plan.status);
    return plan;
  }
  if (route.redirect) {
    plan.action = Action::redirect;
    plan.status = redirect_to(route, view, plan.location, why);
    return plan;
  }
  if (route.files) {
    plan.action = Action::files;
    plan.file = file_path(route, view);
    why.because(reasons::act_files, 0, 0, plan.file);
    return plan;
  }
  if (route.proxy.empty()) {
    why.because(reasons::act_nothing);
    return refuse(std::move(plan), reasons::act_nothing, why);
  }
  if (route.virtual_host) {
    if (!virtual_host_target(*route.virtual_host, view, plan.target, why)) return refuse(std::move(plan), reasons::virtual_host_name, why);
  } else if (route.rewrite) {
    rewrite_target(*route.rewrite, view, plan.target, why);
  } else {
    why.because(reasons::target_same);
  }
  plan.action = Action::proxy;
  why.because(reasons::act_proxy, 0, 0, route.proxy);
  return plan;
}

}  // namespace webfront
