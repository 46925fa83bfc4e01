// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// Sites and their routes as they serve: compiled from the options (compile.h), immutable, shared by all workers.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "http/file_place.h"
#include "webfront/conditions.h"
#include "webfront/text_template.h"
#include "webfront/virtual_host.h"

namespace webfront {

struct Rewrite {
  std::shared_ptr<const re2::RE2> regex;  // looked for in the raw path
  TextTemplate to;                        // the whole new path; the query is kept unless it has one
};

struct Redirect {
  TextTemplate to;
  int status = 0;  // 0: 301 for GET and HEAD, else 308
};

struct Respond {
  int status = 200;
  std::string body;
  std::string content_type;
};

struct Files {
  http::FilePlace place;
  bool alias = false;                     // the place's root replaces the route's prefix
  std::string cache_control;
};

// Fields set and removed: of answers (`headers`).
struct HeaderEdits {
  std::vector<std::pair<std::string, TextTemplate>> set;
  std::vector<std::string> remove;
  bool given() const { return !set.empty() || !remove.empty(); }
};

struct QueueRule {
  std::uint32_t max_active = 0;   // 0: no limit
  std::uint32_t max_waiting = 0;
  base::Duration timeout = std::chrono::seconds(30);
  int priority = 0;               // smaller goes first
  bool given() const { return max_active != 0; }
};

struct Route {
  std::size_t number = 0;         // among all routes of the configuration
  std::string label;              // its name, else its path test
  std::string name;
  PathTest path;
  std::vector<std::string> methods;
  Condition only_if;
  Condition unless;
  std::optional<Respond> respond;
  std::optional<Redirect> redirect;
  std::optional<Files> files;
  std::optional<Rewrite> rewrite;
  std::optional<VirtualHost> virtual_host;
  std::string proxy;              // upstream's name; empty: none
  std::size_t upstream = 0;       // its place among the configuration's upstreams
  QueueRule queue;
  std::size_t queue_place = SIZE_MAX;  // of its own queue among the configuration's
  HeaderEdits headers;
  std::optional<std::uint64_t> body_size;
  bool buffer_body = false;
};

struct Site {
  std::vector<std::string> names;        // lower case: "www.example.org", "*.example.org", "*"
  bool on_http = true;
  bool on_https = true;
  bool refuses_virtual_host = false;     // has a route with vhm, or a hand-written rewrite to one
  HeaderEdits headers;
  std::map<int, std::string> error_pages;  // status → body
  std::vector<Route> routes;
};

// Which site serves the request: its exact name, else the longest wildcard, else "*"; among equals the first in the file.
// A request without a host (HTTP/1.0) goes to "*", else to the first site of its scheme. Null: 421.
template <observe::Why W>
const Site* pick_site(const std::vector<Site>& sites, const RequestView& view, W& why) {
  const Site* best = nullptr;
  std::size_t best_place = 0, best_size = 0;
  std::string_view best_name;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const Site& site = sites[i];
    const auto place = static_cast<std::int64_t>(i + 1);
    const std::string_view first = site.names.empty() ? std::string_view("*") : std::string_view(site.names.front());
    if (!(view.https ? site.on_https : site.on_http)) {
      why.considered(reasons::site_scheme, place, 0, first);
      continue;
    }
    bool any = false;
    for (const std::string& name : site.names) {
      std::size_t size = 0;  // how well it fits: exact names beat wildcards beat "*"
      if (name == "*") size = 1;
      else if (view.host.empty()) size = 0;
      else if (name == view.host) size = SIZE_MAX;
      else if (name.starts_with("*.") && view.host.size() > name.size() - 1 && view.host.ends_with(std::string_view(name).substr(1))) size = name.size();
      any = any || size > 0;
      if (size <= best_size) continue;
      best = &site;
      best_place = i + 1;
      best_size = size;
      best_name = name;
    }
    if (!any && view.host.empty() && !best) {
      best = &site;
      best_place = i + 1;
    } else if (!any) {
      why.considered(reasons::site_other, place, 0, first);
    }
  }
  const auto place = static_cast<std::int64_t>(best_place);
  if (!best) why.because(reasons::site_unknown, 0, 0, view.host);
  else if (best_size == SIZE_MAX) why.because(reasons::site_exact, place, 0, best_name);
  else if (best_size > 1) why.because(reasons::site_wildcard, place, 0, best_name);
  else if (best_size == 1) why.because(reasons::site_default, place);
  else why.because(reasons::site_first, place);
  return best;
}

}  // namespace webfront
