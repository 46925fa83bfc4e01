// SPDX-License-Identifier: BSD-2-Clause
#include "http/cookies.h"

#include <algorithm>

#include "base/bytes.h"
#include "http/http1_fields.h"

namespace http {

namespace {

// White space as the lenient parsers see it.
bool is_gap(char c) {
  const auto u = static_cast<unsigned char>(c);
  return u <= 0x20 || u == 0x7f || c == ',' || c == ';' || c == '"';
}

Cookie split_piece(std::string_view piece) {
  Cookie out;
  out.piece = piece;
  const auto equals = piece.find('=');
  out.has_equals = equals != std::string_view::npos;
  out.name = base::trim(piece.substr(0, equals));
  if (out.has_equals) out.value = base::trim(piece.substr(equals + 1));
  return out;
}

bool is_cookie_byte(char c) {
  const auto u = static_cast<unsigned char>(c);
  return u > 0x20 && u < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\';
}

}  // namespace

std::string joined_cookies(const Head& head) { return head.joined(Token::cookie, "; "); }

void join_cookies(Head& head) {
  if (head.count(Token::cookie) > 1) head.set(Token::cookie, joined_cookies(head));
}

bool next_cookie(std::string_view& rest, Cookie& out) {
  while (!rest.empty()) {
    const auto at = rest.find(';');
    const auto piece = base::trim(rest.substr(0, at));
    rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
    if (piece.empty()) continue;
    out = split_piece(piece);
    return true;
  }
  return false;
}

bool next_cookie_lenient(std::string_view& rest, Cookie& out) {
  while (!rest.empty()) {
    const auto begin = static_cast<std::size_t>(std::find_if_not(rest.begin(), rest.end(), is_gap) - rest.begin());
    rest.remove_prefix(begin);
    auto end = static_cast<std::size_t>(std::find_if(rest.begin(), rest.end(), is_gap) - rest.begin());
    auto piece = rest.substr(0, end);
    // "name = value" and "name =value": white space around '=' does not hide a name.
    if (piece.find('=') == std::string_view::npos) {
      auto next = end;
      while (next < rest.size() && (rest[next] == ' ' || rest[next] == '\t')) ++next;
      if (next < rest.size() && rest[next] == '=' && !piece.empty()) {
        out = Cookie{piece, {}, piece, true};
        rest.remove_prefix(next + 1);
        return true;
      }
    }
    rest.remove_prefix(end);
    if (piece.empty() || piece.find('=') == std::string_view::npos) continue;
    out = split_piece(piece);
    return true;
  }
  return false;
}

std::optional<std::string_view> find_cookie_either_way(std::string_view cookies, std::string_view pattern) {
  std::optional<std::string_view> found;
  const auto look = [&](const Cookie& cookie) {
    if (!found && base::glob_match(pattern, cookie.name)) found = cookie.name;
  };
  for_each_cookie(cookies, look);
  if (!found) for_each_cookie_lenient(cookies, look);
  return found;
}

std::optional<std::string_view> cookie_value(std::string_view cookies, std::string_view name) {
  Cookie cookie;
  while (next_cookie(cookies, cookie)) {
    if (!cookie.has_equals || cookie.name != name) continue;
    auto value = cookie.value;
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
    return value;
  }
  return std::nullopt;
}

std::optional<std::string> cookie_value(const Head& head, std::string_view name) {
  for (const auto& f : head.fields())
    if (f.token == Token::cookie)
      if (auto value = cookie_value(head.value(f), name)) return std::string(*value);
  return std::nullopt;
}

bool is_clean(const Cookie& cookie) {
  if (!cookie.has_equals || !is_token(cookie.name)) return false;
  auto value = cookie.value;
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
  return cookie.piece.size() == cookie.name.size() + 1 + cookie.value.size() && std::all_of(value.begin(), value.end(), is_cookie_byte);
}

void set_cookies(Head& head, std::string_view cookies) {
  if (cookies.empty()) head.remove(Token::cookie);
  else head.set(Token::cookie, cookies);
}

}  // namespace http
