// SPDX-License-Identifier: BSD-2-Clause
// Small functions over byte strings that every layer needs: ASCII case, trimming, numbers, hex. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace base {

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
// Value of a hex digit, or -1.
constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}
// ASCII case-insensitive equality.
constexpr bool iequals(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}
constexpr bool istarts_with(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && iequals(text.substr(0, prefix.size()), prefix);
}
// Optional white space of RFC 9110 5.6.3: space and tab, at both ends.
constexpr std::string_view trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}
std::string to_lower(std::string_view s);
// Decimal digits only (no sign, no space), nullopt on anything else or overflow.
std::optional<std::uint64_t> parse_decimal(std::string_view s);
std::string to_hex(std::string_view bytes);
// Shell-style pattern with '*' only; case-sensitive. For names such as "_ga*" or "__ac_*".
bool glob_match(std::string_view pattern, std::string_view text);
// Bytes fit for a log line or a message: control characters, '"', '\\' and bytes above 0x7e as \xHH.
std::string escape(std::string_view s);
// FNV-1a, 64 bit. Not for tables that peers can fill: see seeded_hash.
constexpr std::uint64_t fnv1a(std::string_view s) {
  std::uint64_t h = 14695981039346656037ULL;
  for (char c : s) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return h;
}
// SipHash-1-3 with a key drawn once a process: for tables whose keys come from peers.
std::uint64_t seeded_hash(std::string_view s);

// Calls f(part) for each part of `s` between separators; empty parts included.
template <class F>
void split(std::string_view s, char separator, F&& f) {
  for (;;) {
    const auto at = s.find(separator);
    f(s.substr(0, at));
    if (at == std::string_view::npos) return;
    s.remove_prefix(at + 1);
  }
}

}  // namespace base
