// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// Conditions over a request (`if` of use_backend, `only_if` of the cookie): all parts that are given must hold, of several
// values in a part one is enough. Paths are compared in the match form, so that no disguise of a path escapes. Immutable after
// configuration; any thread.
#pragma once

#include <re2/re2.h>

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "http/cookies.h"
#include "http/head.h"

namespace balancer {

struct RequestView {
  const http::RequestHead* head = nullptr;
  std::string_view match;  // match form of the path (http/paths.h)
};

struct Condition {
  std::string path;                         // exact
  std::string prefix;                       // whole segments
  std::shared_ptr<const re2::RE2> regex;    // found anywhere in the match form
  std::vector<std::string> host;            // '*' as in base::glob_match, without port, lower case
  std::vector<std::string> method;
  std::vector<std::string> header;          // names of fields of which one must be there
  std::vector<std::string> cookie;          // patterns of names of which one must be there
  std::shared_ptr<const re2::RE2> user_agent;

  // Null if the condition holds, else the part that does not.
  const char* fails(const RequestView& view) const;
};

inline bool below(std::string_view path, std::string_view prefix) {
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

inline const char* Condition::fails(const RequestView& view) const {
  const auto any = [](const std::vector<std::string>& list, auto&& test) {
    if (list.empty()) return true;
    for (const std::string& item : list)
      if (test(item)) return true;
    return false;
  };
  if (!path.empty() && view.match != path) return "path";
  if (!prefix.empty() && !below(view.match, prefix)) return "prefix";
  if (regex && !re2::RE2::PartialMatch(re2::StringPiece(view.match.data(), view.match.size()), *regex)) return "regex";
  if (!host.empty()) {
    std::string name = base::to_lower(view.head->host());
    if (const auto colon = name.rfind(':'); colon != std::string::npos && name.find(']', colon) == std::string::npos) name.resize(colon);
    if (!any(host, [&](const std::string& pattern) { return base::glob_match(pattern, name); })) return "host";
  }
  if (!any(method, [&](const std::string& name) { return view.head->method_name() == name; })) return "method";
  if (!any(header, [&](const std::string& name) { return view.head->find(std::string_view(name)) != nullptr; })) return "header";
  if (!cookie.empty()) {
    const std::string cookies = http::joined_cookies(*view.head);
    if (!any(cookie, [&](const std::string& pattern) { return http::find_cookie_either_way(cookies, pattern).has_value(); })) return "cookie";
  }
  if (user_agent) {
    const std::string_view agent = view.head->get(http::Token::user_agent).value_or(std::string_view{});
    if (!re2::RE2::PartialMatch(re2::StringPiece(agent.data(), agent.size()), *user_agent)) return "user_agent";
  }
  return nullptr;
}

}  // namespace balancer
