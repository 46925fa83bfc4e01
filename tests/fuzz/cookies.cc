// SPDX-License-Identifier: BSD-2-Clause
// Cookies: filtering that keeps everything changes no cookie, twice is once, and the lenient search finds what the strict one does.
// Input: the names looked for, one line; then the Cookie lines.
#include <vector>

#include "base/bytes.h"
#include "fuzz/fuzz.h"
#include "http/cookies.h"

namespace {

using namespace http;

std::vector<std::string> pieces_of(std::string_view cookies) {
  std::vector<std::string> out;
  for_each_cookie(cookies, [&](const Cookie& cookie) {
    MUST(!cookie.piece.empty() && cookie.piece.find(';') == std::string_view::npos);
    MUST(cookie.has_equals || (cookie.value.empty() && cookie.name == cookie.piece));
    out.emplace_back(cookie.piece);
  });
  return out;
}

bool has_control(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 && c != '\t') return true;
  return text.find('\x7f') != std::string_view::npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto name = input.line();
  RequestHead head;
  while (!input.rest().empty()) {
    const auto line = base::trim(input.line());
    if (has_control(line)) return 0;  // never parsed into a head
    head.add("Cookie", line);
  }
  const std::string all = joined_cookies(head);
  const auto pieces = pieces_of(all);
  const std::string kept = filter_cookies(all, [](const Cookie&) { return true; });
  MUST(pieces_of(kept) == pieces);
  MUST(filter_cookies(kept, [](const Cookie&) { return true; }) == kept);

  // A clean cookie is found by both searches, with the same value.
  for_each_cookie(all, [&](const Cookie& cookie) {
    if (!is_clean(cookie)) return;
    bool found = false;
    for_each_cookie_lenient(all, [&](const Cookie& other) { found = found || other.name == cookie.name; });
    MUST(found);
    MUST(cookie_value(all, cookie.name).has_value());
  });
  for_each_cookie_lenient(all, [](const Cookie& cookie) { MUST(cookie.has_equals); });
  if (const auto found = find_cookie_either_way(all, name)) MUST(base::glob_match(name, *found));
  if (cookie_value(all, name)) MUST(name.find('*') != std::string_view::npos || find_cookie_either_way(all, name));
  const auto in_head = cookie_value(head, name);
  const auto in_text = cookie_value(all, name);
  MUST(in_head.has_value() == in_text.has_value());
  if (in_head) MUST(*in_head == *in_text);

  join_cookies(head);
  MUST(head.count(Token::cookie) <= 1);
  MUST(joined_cookies(head) == all);
  set_cookies(head, kept);
  MUST(head.has(Token::cookie) == !kept.empty());
  return 0;
}
