// SPDX-License-Identifier: BSD-2-Clause
#include "base/bytes.h"

#include <sys/random.h>

#include <array>
#include <bit>
#include <cstring>
#include <random>

namespace base {

std::string to_lower(std::string_view s) {
  std::string out(s);
  for (char& c : out) c = lower(c);
  return out;
}

std::optional<std::uint64_t> parse_decimal(std::string_view s) {
  if (s.empty()) return std::nullopt;
  std::uint64_t n = 0;
  for (char c : s) {
    if (!is_digit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (n > (UINT64_MAX - digit) / 10) return std::nullopt;
    n = n * 10 + digit;
  }
  return n;
}

std::string to_hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (char c : bytes) {
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

bool glob_match(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p, ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string escape(std::string_view s) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(s.size());
  for (char c : s) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x20 || u > 0x7e || c == '"' || c == '\\') {
      out += "\\x";
      out += digits[u >> 4];
      out += digits[u & 15];
    } else {
      out += c;
    }
  }
  return out;
}

namespace {

struct SipKey {
  std::uint64_t k0 = 0, k1 = 0;
  SipKey() {
    std::array<std::uint64_t, 2> seed{};
    if (getrandom(seed.data(), sizeof seed, 0) != static_cast<ssize_t>(sizeof seed)) {
      std::random_device device;
      for (auto& word : seed) word = (static_cast<std::uint64_t>(device()) << 32) | device();
    }
    k0 = seed[0];
    k1 = seed[1];
  }
};

struct SipState {
  std::uint64_t v0, v1, v2, v3;
  void round() {
    v0 += v1; v1 = std::rotl(v1, 13); v1 ^= v0; v0 = std::rotl(v0, 32);
    v2 += v3; v3 = std::rotl(v3, 16); v3 ^= v2;
    v0 += v3; v3 = std::rotl(v3, 21); v3 ^= v0;
    v2 += v1; v1 = std::rotl(v1, 17); v1 ^= v2; v2 = std::rotl(v2, 32);
  }
};

}  // namespace

std::uint64_t seeded_hash(std::string_view s) {
  static const SipKey key;
  SipState h{key.k0 ^ 0x736f6d6570736575ULL, key.k1 ^ 0x646f72616e646f6dULL, key.k0 ^ 0x6c7967656e657261ULL,
             key.k1 ^ 0x7465646279746573ULL};
  const std::uint64_t length = s.size();
  while (s.size() >= 8) {
    std::uint64_t m = 0;
    std::memcpy(&m, s.data(), 8);
    h.v3 ^= m;
    h.round();
    h.v0 ^= m;
    s.remove_prefix(8);
  }
  std::uint64_t last = length << 56;
  for (std::size_t i = 0; i < s.size(); ++i) last |= static_cast<std::uint64_t>(static_cast<unsigned char>(s[i])) << (8 * i);
  h.v3 ^= last;
  h.round();
  h.v0 ^= last;
  h.v2 ^= 0xff;
  for (int i = 0; i < 3; ++i) h.round();
  return h.v0 ^ h.v1 ^ h.v2 ^ h.v3;
}

}  // namespace base
