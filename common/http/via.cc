// SPDX-License-Identifier: BSD-2-Clause
#include "http/via.h"

#include <string>

#include "http/fields.h"

namespace http {

void append_via(Head& head, std::string_view version, std::string_view name) {
  const std::size_t lines = head.count(Token::via);
  if (lines == 0) return head.add(Token::via, {version, " ", name});
  const std::string several = lines > 1 ? head.joined(Token::via) : std::string();
  const std::string_view before = lines == 1 ? *head.get(Token::via) : std::string_view(several);
  head.set(Token::via, {before, before.empty() ? "" : ", ", version, " ", name});
}

std::size_t count_via(const Head& head, std::string_view name) {
  std::size_t seen = 0;
  for_each_in_field(head, Token::via, [&](std::string_view entry) {
    const auto space = entry.find_first_of(" \t");
    if (space == std::string_view::npos) return;  // waitress sends a name only
    auto received_by = base::trim(entry.substr(space));
    received_by = received_by.substr(0, received_by.find_first_of(" \t("));
    if (received_by == name) ++seen;
  });
  return seen;
}

}  // namespace http
