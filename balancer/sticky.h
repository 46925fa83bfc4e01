// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// The sticky cookie: which server a request names, whether an answer may carry the cookie, and what of it the server sees.
// The cookie's value is the server's name. Where several pieces carry the cookie's name the first counts, as servers read it.
#pragma once

#include <optional>
#include <string>

#include "balancer/reasons.h"
#include "base/bytes.h"
#include "http/admission_view.h"
#include "http/cookies.h"
#include "http/head.h"
#include "observe/why.h"

namespace balancer {

enum class InsertOn : std::uint8_t { uncacheable, always };

struct CookieRules {
  std::string name;               // empty: no sticky cookie
  InsertOn insert_on = InsertOn::uncacheable;
  bool indirect = false;          // the server does not see it
  bool httponly = true;
  bool secure = false;
  std::string path = "/";
  std::string domain;
  std::string samesite;           // "", "Lax", "Strict", "None"
};

// The row that the request's cookie names, if it takes such requests; no_row: any server. `value`: of the cookie, nullopt if there is none.
template <observe::Why W>
std::size_t sticky_row(const CookieRules& rules, std::optional<std::string_view> value, std::span<const http::ServerRow> rows, W& why) {
  if (rules.name.empty()) return http::no_row;
  if (!value) {
    why.considered(reason::sticky_none, 0, 0, rules.name);
    return http::no_row;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].name != *value || rows[i].life != http::RowLife::live) continue;
    if (rows[i].takes_named()) {
      why.because(reason::sticky, 0, 0, rows[i].name);
      return i;
    }
    why.considered(reason::sticky_down, 0, 0, rows[i].name);
    return http::no_row;
  }
  why.considered(reason::sticky_unknown);
  return http::no_row;
}

// Cache-Control says private or no-store of the whole answer.
inline bool says_private(const http::Head& answer) {
  bool found = false;
  for (const http::Head::Field& field : answer.fields()) {
    if (field.token != http::Token::cache_control) continue;
    base::split(answer.value(field), ',', [&](std::string_view part) {
      const std::string_view word = base::trim(part.substr(0, part.find('=')));
      // `private="X"` limits only the field X.
      if (base::iequals(word, "no-store") || (base::iequals(word, "private") && part.find('=') == std::string_view::npos)) found = true;
    });
  }
  return found;
}

// No shared cache may store the answer: it is private, no-store, or sets a cookie. Not: merely without a lifetime.
inline bool uncacheable(const http::Head& answer) { return answer.has(http::Token::set_cookie) || says_private(answer); }

// Whether the answer sets the cookie. `named`: the row that the request's cookie named; `served`: the row that answered;
// `condition`: only_if matched the request, or is not configured.
template <observe::Why W>
bool insert_cookie(const CookieRules& rules, const http::Head& answer, std::size_t named, std::size_t served, bool condition, W& why) {
  const auto no = [&](const base::ReasonRow& row) {
    why.because(row, 0, 0, rules.name);
    return false;
  };
  if (rules.name.empty()) return no(reason::insert_off);
  if (named != http::no_row && named == served) return no(reason::insert_has);
  if (!condition) return no(reason::insert_only_if);
  if (rules.insert_on == InsertOn::uncacheable && !uncacheable(answer)) return no(reason::insert_cacheable);
  why.because(reason::insert, 0, 0, rules.name);
  return true;
}

inline std::string cookie_text(const CookieRules& rules, std::string_view server) {
  std::string out = rules.name;
  ((out += '=') += server) += "; Path=";
  out += rules.path;
  if (!rules.domain.empty()) (out += "; Domain=") += rules.domain;
  if (rules.httponly) out += "; HttpOnly";
  if (rules.secure) out += "; Secure";
  if (!rules.samesite.empty()) (out += "; SameSite=") += rules.samesite;
  return out;
}

// Cookies without those of that name. Empty if nothing is left.
inline std::string without_cookie(std::string_view cookies, std::string_view unwanted) {
  return http::filter_cookies(cookies, [&](const http::Cookie& cookie) { return cookie.name != unwanted; });
}

}  // namespace balancer
