// SPDX-License-Identifier: BSD-2-Clause
// Cookies of a request, as RFC 6265 4.2 writes them and as application servers read them: Zope's parser also finds a cookie behind
// a comma, a quote or white space. Who asks "is this person logged in?" must find it either way. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/head.h"

namespace http {

struct Cookie {
  std::string_view name;   // trimmed; the whole piece if there is no '='
  std::string_view value;  // as it came, quotes included
  std::string_view piece;  // "name=value"
  bool has_equals = false;
};

// All Cookie lines (HTTP/2 sends crumbs) joined by "; ".
std::string joined_cookies(const Head& head);
// Makes one Cookie line of several; does nothing to one or none.
void join_cookies(Head& head);

// Takes the next ';'-separated non-empty piece off `rest`.
bool next_cookie(std::string_view& rest, Cookie& out);
// The same, separated also by comma, double quote, white space and controls: pieces without '=' are no cookies and skipped.
bool next_cookie_lenient(std::string_view& rest, Cookie& out);

template <class F>
void for_each_cookie(std::string_view cookies, F&& f) {
  Cookie cookie;
  while (next_cookie(cookies, cookie)) f(cookie);
}
template <class F>
void for_each_cookie_lenient(std::string_view cookies, F&& f) {
  Cookie cookie;
  while (next_cookie_lenient(cookies, cookie)) f(cookie);
}

// The first cookie whose name matches `pattern` ('*' as in base::glob_match), searched strictly, then leniently: its name.
std::optional<std::string_view> find_cookie_either_way(std::string_view cookies, std::string_view pattern);
// The first value by strict search, without surrounding quotes.
std::optional<std::string_view> cookie_value(std::string_view cookies, std::string_view name);
std::optional<std::string> cookie_value(const Head& head, std::string_view name);

// Name is a token, '=' is there, and the value has only RFC 6265 4.1.1's bytes (optionally in quotes).
bool is_clean(const Cookie& cookie);

// The pieces for which keep(cookie) holds, in their order, joined by "; ".
template <class F>
std::string filter_cookies(std::string_view cookies, F&& keep) {
  std::string out;
  for_each_cookie(cookies, [&](const Cookie& cookie) {
    if (!keep(cookie)) return;
    if (!out.empty()) out += "; ";
    out += cookie.piece;
  });
  return out;
}
// Sets the Cookie field to `cookies`; removes it if that is empty.
void set_cookies(Head& head, std::string_view cookies);

}  // namespace http
