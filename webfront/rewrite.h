// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// What a route makes of the target: a rewrite with captures, a redirect's address, a file's path. Captures are the client's raw
// bytes, so nothing is decoded and encoded again on the way. Immutable configuration; any thread.
#pragma once

#include "webfront/site.h"

namespace webfront {

// Captures of `regex` in `text`: $0 first. Empty if it does not match.
std::vector<std::string_view> captures_of(const re2::RE2& regex, std::string_view text);

// Writes the new target; leaves `out` empty if the pattern does not match (the target is then forwarded as it came).
template <observe::Why W>
void rewrite_target(const Rewrite& rule, const RequestView& view, std::string& out, W& why) {
  out.clear();
  const std::vector<std::string_view> captures = captures_of(*rule.regex, view.path);
  if (captures.empty()) {
    why.because(reasons::rewrite_unmatched);
    return;
  }
  rule.to.expand(view, captures, out);
  if (!out.starts_with('/')) out.insert(out.begin(), '/');
  if (view.has_query && out.find('?') == std::string::npos) (out += '?') += view.query;
  why.because(reasons::target_rewritten, 0, 0, W::explains ? std::string_view(out) : std::string_view());
}

// Status and Location of a redirect. $1 … are captures of the route's regex in the raw path.
template <observe::Why W>
int redirect_to(const Route& route, const RequestView& view, std::string& location, W& why) {
  location.clear();
  std::vector<std::string_view> captures;
  if (route.path.regex) captures = captures_of(*route.path.regex, view.path);
  route.redirect->to.expand(view, captures, location);
  const bool plain = view.method == http::Method::get || view.method == http::Method::head;
  const int status = route.redirect->status ? route.redirect->status : plain ? 301 : 308;
  why.because(reasons::act_redirect, status, 0, W::explains ? std::string_view(location) : std::string_view());
  return status;
}

// Path below the root of a route's files, decoded, without a first slash.
inline std::string_view file_path(const Route& route, const RequestView& view) {
  std::string_view path = view.match;
  if (route.files->alias) {
    std::string_view cut = route.path.prefix.empty() ? std::string_view(route.path.path) : std::string_view(route.path.prefix);
    while (cut.ends_with('/')) cut.remove_suffix(1);
    path.remove_prefix(std::min(cut.size(), path.size()));
  }
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

}  // namespace webfront
