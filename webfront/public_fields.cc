// SPDX-License-Identifier: BSD-2-Clause
#include "webfront/public_fields.h"

#include "base/bytes.h"

namespace webfront {

namespace {

bool is_private(std::string_view parameter) {
  const std::string_view key = base::trim(parameter.substr(0, parameter.find('=')));
  return key == "detail" || key == "key";
}

}  // namespace

std::string public_cache_status(std::string_view value) {
  std::string out;
  std::size_t begin = 0;   // of the piece: a cache's name, or a parameter with its ';'
  bool parameter = false, quoted = false;
  const auto piece_ends = [&](std::size_t end) {
    const std::string_view piece = value.substr(begin, end - begin);
    if (!parameter || !is_private(piece.substr(1))) out += piece;
    begin = end;
  };
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (quoted && c == '\\') ++i;
    else if (c == '"') quoted = !quoted;
    if (quoted || (c != ';' && c != ',')) continue;
    piece_ends(i);
    parameter = c == ';';
  }
  if (quoted) return {};
  piece_ends(value.size());
  return out;
}

}  // namespace webfront
