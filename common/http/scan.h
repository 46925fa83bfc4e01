// SPDX-License-Identifier: BSD-2-Clause
// Finds the byte at which a run of plain bytes ends, sixteen at a time, with the compiler's portable vectors.
// Never reads outside [from, end). Pure; any thread.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace http {

using Bytes16 __attribute__((vector_size(16))) = unsigned char;
using Mask16 __attribute__((vector_size(16))) = signed char;

namespace scan {

inline Bytes16 load(const char* at) {
  Bytes16 v;
  std::memcpy(&v, at, sizeof v);
  return v;
}
// Index of the first set byte of a comparison's result, 16 if none is set.
inline unsigned first_set(Mask16 mask) {
  std::array<std::uint64_t, 2> half;
  std::memcpy(half.data(), &mask, sizeof half);
  if (half[0] != 0) return static_cast<unsigned>(std::countr_zero(half[0])) / 8;
  if (half[1] != 0) return 8 + static_cast<unsigned>(std::countr_zero(half[1])) / 8;
  return 16;
}

// What ends a field value: controls but tab, and DEL. Bytes from 0x80 (obs-text) are plain.
struct ValueEnd {
  static Mask16 test(Bytes16 v) { return ((v < 0x20) & (v != '\t')) | (v == 0x7f); }
  static bool test(unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; }
};
// What ends a field name: the colon, and all that is no visible ASCII.
struct NameEnd {
  static Mask16 test(Bytes16 v) { return (v <= 0x20) | (v >= 0x7f) | (v == ':'); }
  static bool test(unsigned char c) { return c <= 0x20 || c >= 0x7f || c == ':'; }
};
// What ends a request target: all that is no visible ASCII, and '#'.
struct TargetEnd {
  static Mask16 test(Bytes16 v) { return (v <= 0x20) | (v >= 0x7f) | (v == '#'); }
  static bool test(unsigned char c) { return c <= 0x20 || c >= 0x7f || c == '#'; }
};

// Where a path needs a closer look: an encoding, a dot, the query.
struct PathMark {
  static Mask16 test(Bytes16 v) { return (v == '%') | (v == '.') | (v == '?'); }
  static bool test(unsigned char c) { return c == '%' || c == '.' || c == '?'; }
};

// The first byte in [from, end) for which Stop holds, or `end`.
template <class Stop>
const char* find(const char* from, const char* end) {
  while (end - from >= 16) {
    const unsigned at = first_set(Stop::test(load(from)));
    if (at < 16) return from + at;
    from += 16;
  }
  while (from < end && !Stop::test(static_cast<unsigned char>(*from))) ++from;
  return from;
}

}  // namespace scan

// RFC 9110 5.6.2: bytes of a token.
constexpr std::array<bool, 256> token_bytes = [] {
  std::array<bool, 256> table{};
  for (unsigned c = 0; c < 256; ++c)
    table[c] = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  for (char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'})
    table[static_cast<unsigned char>(c)] = true;
  return table;
}();
constexpr bool is_token_byte(char c) { return token_bytes[static_cast<unsigned char>(c)]; }
constexpr bool only_token_bytes(std::string_view text) {
  bool all = true;
  for (const char c : text) all = all && is_token_byte(c);
  return all;
}

}  // namespace http
