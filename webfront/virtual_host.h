// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// Virtual-host paths for Zope's VirtualHostMonster: making them (`vhm` of a route) and refusing those that clients make.
// The client's path is copied byte by byte; only whole segments are cut off its front. Immutable configuration; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "observe/why.h"
#include "webfront/reasons.h"
#include "webfront/request_view.h"

namespace webfront {

struct VirtualHost {
  std::string site = "/Plone";  // path in the object database: "/a/b", or empty for its root
  std::string host;             // fixed name; empty: the request's
  std::uint16_t port = 0;       // fixed; 0: the request's if the host is, else the scheme's
  std::string subfolder;        // match form of the public folder the site is seen under, "/a/b"; empty: none
  bool api = false;             // Volto's form: "++api++" is moved before the virtual root
};

inline constexpr std::string_view api_segment = "/++api++";

// The segment of a match form that only webfront may write (VirtualHostBase, VirtualHostRoot, _vh_…), empty if there is none.
std::string_view virtual_host_segment(std::string_view match);
// Whether a host may stand in a path between slashes: letters, digits, ".-_" or an address in brackets.
bool fits_in_path(std::string_view host);

// Writes the virtual-host target of the request, query included, to `out`. False (and the reason) if it has none: then 400.
template <observe::Why W>
bool virtual_host_target(const VirtualHost& rule, const RequestView& view, std::string& out, W& why) {
  const std::string_view host = rule.host.empty() ? std::string_view(view.host) : std::string_view(rule.host);
  if (!fits_in_path(host)) {
    why.because(reasons::virtual_host_name, 0, 0, host);
    return false;
  }
  std::string_view rest = view.path;
  const std::string_view cut = rule.api ? api_segment : std::string_view(rule.subfolder);
  if (!cut.empty() && !cut_prefix(view.path, cut, rest)) {
    why.because(reasons::prefix_in_segment, 0, 0, cut);
    return false;
  }
  out.clear();
  out.reserve(view.target.size() + host.size() + rule.site.size() + rule.subfolder.size() + 64);
  out.append("/VirtualHostBase/").append(view.https ? "https/" : "http/").append(host) += ':';
  if (rule.port) out += std::to_string(rule.port);
  else if (rule.host.empty() && !view.port.empty()) out += view.port;
  else out += view.https ? "443" : "80";
  out += rule.site;
  if (rule.api) out += api_segment;
  out += "/VirtualHostRoot";
  if (!rule.api) base::split(rule.subfolder, '/', [&out](std::string_view part) {
    if (!part.empty()) out.append("/_vh_").append(part);
  });
  out += rest;
  if (view.has_query) (out += '?') += view.query;
  why.because(reasons::target_vhm, 0, 0, W::explains ? std::string_view(out) : std::string_view());
  return true;
}

}  // namespace webfront
