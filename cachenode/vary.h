// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// Selecting by request fields (RFC 9111 4.1): which fields an answer varies by, and what a request has for them. Look-up
// requests are normalised first, so values are what the fetch sends: Accept-Encoding is gzip or nothing, Cookie the kept
// cookies (which the key has anyway), and fields that look-ups drop are absent. Any thread.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "http/codings.h"
#include "http/fields.h"
#include "http/head.h"

namespace cachenode {

// Fields that a look-up fetch never carries: they could make an answer differ that is shared by all.
inline bool is_dropped_by_look_up(std::string_view name) {
  static constexpr std::string_view names[] = {"x-forwarded-scheme", "x-forwarded-server", "x-forwarded-prefix", "x-host", "x-original-url",
                                               "x-rewrite-url", "x-http-method", "x-http-method-override", "x-method-override"};
  return std::any_of(std::begin(names), std::end(names), [name](std::string_view n) { return base::iequals(n, name); });
}

// Fields of the look-up request that are settled otherwise: by the key, or because look-ups carry none.
inline bool is_settled_for_look_up(std::string_view lower_name) {
  return lower_name == "cookie" || lower_name == "authorization" || is_dropped_by_look_up(lower_name);
}

inline bool wants_gzip(const http::RequestHead& request) {
  return request.has(http::Token::accept_encoding) && http::coding_weight(request, "gzip") > 0;
}

// Names in lower case, sorted, once each, separated by ','. Empty: varies by nothing. A coded answer varies by Accept-Encoding
// whether it says so or not. nullopt-like: "*" alone means that no other request may use it.
inline std::string vary_names(const http::ResponseHead& answer) {
  std::vector<std::string> names;
  bool all = false;
  http::for_each_in_field(answer, http::Token::vary, [&](std::string_view name) {
    if (name == "*") all = true;
    std::string lower = base::to_lower(name);
    if (!is_settled_for_look_up(lower)) names.push_back(std::move(lower));
  });
  if (all) return "*";
  if (answer.has(http::Token::content_encoding)) names.emplace_back("accept-encoding");
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::string out;
  for (const std::string& name : names) {
    if (!out.empty()) out += ',';
    out += name;
  }
  return out;
}

// What the request has for these names. One line a name; lines of a repeated field joined by ", ".
inline void selecting_values(std::string_view names, const http::RequestHead& request, std::string& out) {
  out.clear();
  if (names.empty()) return;
  base::split(names, ',', [&](std::string_view name) {
    if (name == "accept-encoding") {
      if (wants_gzip(request)) out += "gzip";
    } else {
      bool first = true;
      for (const auto& field : request.fields()) {
        if (!base::iequals(request.name(field), name)) continue;
        if (!first) out += ", ";
        first = false;
        out += base::trim(request.value(field));
      }
      if (first) out += '\x01';  // absent is not the same as empty
    }
    out += '\n';
  });
}

}  // namespace cachenode
