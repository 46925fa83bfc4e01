// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// Who asks: is the request somebody's, or anybody's? Cookies that mean a log-in are looked for strictly and then as lenient
// application servers read them; found either way means authenticated. Any thread.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "cachenode/policy.h"
#include "cachenode/reasons.h"
#include "http/cookies.h"
#include "http/head.h"
#include "observe/why.h"

namespace cachenode {

struct Identity {
  bool anonymous = true;
  bool shared = false;         // a rule shares: credentials are to be removed
  bool has_credentials = false;  // there was something that names, or may name, a user
  base::Reason reason;         // which field or cookie made it somebody's; its subject views the request
  std::string kept_cookies;    // part of the key, sent to the origin; "a=1; b=2"
};

inline bool matches_any(const std::vector<std::string>& patterns, std::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(), [name](const std::string& p) { return base::glob_match(p, name); });
}

// The identity field of the request, empty if there is none.
inline std::string_view identity_field(const IdentityPolicy& policy, const http::RequestHead& head) {
  using http::Token;
  for (const auto& field : head.fields()) {
    switch (field.token) {
      case Token::authorization:
      case Token::client_cert:
      case Token::client_cert_chain:
      case Token::remote_user:
      case Token::x_remote_user:
      case Token::x_forwarded_user:
        return head.name(field);
      case Token::other:
        if (base::istarts_with(head.name(field), "Client-Cert")) return head.name(field);
        for (const std::string& name : policy.fields)
          if (base::iequals(name, head.name(field))) return head.name(field);
        break;
      default: break;
    }
  }
  return {};
}

// `cookies`: all Cookie lines joined.
template <observe::Why W>
Identity identity(const IdentityPolicy& policy, const http::RequestHead& head, std::string_view cookies, bool share, W& why) {
  Identity out;
  auto authenticated = [&](const base::ReasonRow& row, std::string_view subject) {
    out.has_credentials = true;
    if (!share && out.anonymous) {
      out.anonymous = false;
      out.reason = {&row, 0, 0, subject};
      why.because(row, 0, 0, subject);
    }
  };
  if (const std::string_view field = identity_field(policy, head); !field.empty()) authenticated(reasons::id_field, field);
  for (const std::string& pattern : policy.authenticated)
    if (const auto found = http::find_cookie_either_way(cookies, pattern)) authenticated(reasons::id_cookie, *found);
  http::for_each_cookie(cookies, [&](const http::Cookie& cookie) {
    if (share) {
      out.has_credentials = true;
      return;
    }
    if (matches_any(policy.authenticated, cookie.name)) return;
    if (!cookie.has_equals) return authenticated(reasons::id_cookie_form, {});
    if (matches_any(policy.keep_cookies, cookie.name)) {
      if (!http::is_clean(cookie)) return authenticated(reasons::id_cookie_bytes, cookie.name);
      why.considered(reasons::id_kept, 0, 0, cookie.name);
      if (!out.kept_cookies.empty()) out.kept_cookies += "; ";
      out.kept_cookies += cookie.piece;
    } else if (matches_any(policy.ignore_cookies, cookie.name)) {
      why.considered(reasons::id_ignored, 0, 0, cookie.name);
    } else if (policy.other_cookies == OtherCookies::drop) {
      why.considered(reasons::id_dropped, 0, 0, cookie.name);
    } else {
      authenticated(reasons::id_unknown_cookie, cookie.name);
    }
  });
  if (share) {
    out.shared = true;
    out.kept_cookies.clear();
    why.because(reasons::id_shared);
  } else if (out.anonymous) {
    why.because(reasons::id_anonymous);
  }
  return out;
}

}  // namespace cachenode
