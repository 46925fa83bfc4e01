// SPDX-License-Identifier: BSD-2-Clause
#include "http/chunks.h"

#include "base/bytes.h"
#include "http/reasons.h"
#include "http/scan.h"

namespace http {

namespace {

std::size_t skip_space(std::string_view s, std::size_t at) {
  while (at < s.size() && (s[at] == ' ' || s[at] == '\t')) ++at;
  return at;
}

std::size_t skip_token(std::string_view s, std::size_t at) {
  while (at < s.size() && is_token_byte(s[at])) ++at;
  return at;
}

// s[at] is the opening quote; position after the closing one, npos if there is none or a control is inside.
std::size_t skip_quoted(std::string_view s, std::size_t at) {
  for (++at; at < s.size(); ++at) {
    if (s[at] == '"') return at + 1;
    if (s[at] == '\\' && ++at == s.size()) break;
    if (scan::ValueEnd::test(static_cast<unsigned char>(s[at]))) break;
  }
  return std::string_view::npos;
}

// *( BWS ";" BWS name [ BWS "=" BWS value ] )
bool valid_extensions(std::string_view s) {
  std::size_t at = 0;
  while (at < s.size()) {
    at = skip_space(s, at);
    if (at == s.size() || s[at] != ';') return false;
    at = skip_space(s, at + 1);
    const auto name_end = skip_token(s, at);
    if (name_end == at) return false;
    at = name_end;
    const auto equals = skip_space(s, at);
    if (equals == s.size() || s[equals] != '=') continue;
    at = skip_space(s, equals + 1);
    if (at == s.size()) return false;
    const auto value_end = s[at] == '"' ? skip_quoted(s, at) : skip_token(s, at);
    if (value_end == std::string_view::npos || value_end == at) return false;
    at = value_end;
  }
  return true;
}

}  // namespace

base::Result<ChunkLine> parse_chunk_line(std::string_view line) {
  ChunkLine out;
  std::size_t at = 0;
  for (; at < line.size(); ++at) {
    const int digit = base::hex_value(line[at]);
    if (digit < 0) break;
    if (at == 16 || out.size >> 59 != 0) return base::fail(reasons::chunk_size_overflow, base::Side::client);
    out.size = out.size * 16 + static_cast<std::uint64_t>(digit);
  }
  if (at == 0) return base::fail(reasons::chunk_size, base::Side::client);
  const auto rest = line.substr(at);
  if (rest.empty()) return out;
  const auto first = skip_space(rest, 0);
  if (first == rest.size() || rest[first] != ';') return base::fail(reasons::chunk_size, base::Side::client);
  if (!valid_extensions(rest)) return base::fail(reasons::chunk_extension, base::Side::client);
  out.extensions = rest.size();
  return out;
}

}  // namespace http
