// SPDX-License-Identifier: BSD-2-Clause
#include "webfront/rewrite.h"

namespace webfront {

std::vector<std::string_view> captures_of(const re2::RE2& regex, std::string_view text) {
  re2::StringPiece found[10];
  const int count = std::min(10, regex.NumberOfCapturingGroups() + 1);
  const re2::StringPiece piece(text.data(), text.size());
  if (!regex.Match(piece, 0, text.size(), re2::RE2::UNANCHORED, found, count)) return {};
  std::vector<std::string_view> out;
  for (int i = 0; i < count; ++i) out.emplace_back(found[i].data() ? std::string_view(found[i].data(), found[i].size()) : std::string_view());
  return out;
}

}  // namespace webfront
