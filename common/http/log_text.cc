// SPDX-License-Identifier: BSD-2-Clause
#include "http/log_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

namespace http::log_text {

namespace {

constexpr char digits[] = "0123456789ABCDEF";

constexpr std::array<bool, 256> plain_bytes = [] {
  std::array<bool, 256> table{};
  for (unsigned u = 0x20; u < 0x7f; ++u) table[u] = u != '"' && u != '\\';
  return table;
}();
constexpr auto plain = [](char c) { return plain_bytes[static_cast<unsigned char>(c)]; };

// Length of the UTF-8 sequence at the beginning of `s` (no overlong forms, no surrogates), 0 if there is none.
std::size_t utf8_length(std::string_view s) {
  const auto byte = [&](std::size_t i) { return i < s.size() ? static_cast<unsigned char>(s[i]) : 0U; };
  const auto rest = [&](std::size_t n) {
    for (std::size_t i = 1; i <= n; ++i)
      if ((byte(i) & 0xc0) != 0x80) return false;
    return true;
  };
  const unsigned first = byte(0);
  if (first >= 0xc2 && first <= 0xdf) return rest(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (!rest(2) || (first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f)) return 0;
    return 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (!rest(3) || (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f)) return 0;
    return 4;
  }
  return 0;
}

void padded(base::Pen& pen, std::int64_t n, int width) {  // n >= 0, width <= 20
  std::array<char, base::Pen::number_room> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), n).ptr;
  for (auto have = end - text.data(); have < width; ++have) pen.put('0');
  pen.text({text.data(), end});
}

void append_padded(std::string& out, std::int64_t n, int width) {
  base::append_with_pen(out, 2 * base::Pen::number_room, [n, width](base::Pen& pen) { padded(pen, n, width); });
}

struct SecondTexts {
  std::int64_t second = INT64_MIN;
  std::string local, iso, haproxy;
};

// strftime is slow and localtime_r takes a lock: once a second.
const SecondTexts& texts_of(std::int64_t second) {
  thread_local SecondTexts cache;
  if (cache.second == second) return cache;
  cache.second = second;
  const auto t = static_cast<std::time_t>(second);
  std::tm tm{};
  localtime_r(&t, &tm);
  static constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const long offset = tm.tm_gmtoff / 60;
  const long distance = offset < 0 ? -offset : offset;
  auto& haproxy = cache.haproxy;
  haproxy.clear();
  append_padded(haproxy, tm.tm_mday, 2);
  haproxy += '/';
  haproxy += months[static_cast<std::size_t>(tm.tm_mon)];
  haproxy += '/';
  append_padded(haproxy, tm.tm_year + 1900, 4);
  std::string clock;
  append_padded(clock, tm.tm_hour, 2);
  clock += ':';
  append_padded(clock, tm.tm_min, 2);
  clock += ':';
  append_padded(clock, tm.tm_sec, 2);
  haproxy += ':';
  haproxy += clock;
  std::string zone(1, offset < 0 ? '-' : '+');
  append_padded(zone, distance / 60, 2);
  cache.iso.clear();
  append_padded(cache.iso, tm.tm_year + 1900, 4);
  cache.iso += '-';
  append_padded(cache.iso, tm.tm_mon + 1, 2);
  cache.iso += '-';
  append_padded(cache.iso, tm.tm_mday, 2);
  cache.iso += 'T';
  cache.iso += clock;
  cache.iso += zone;
  cache.iso += ':';
  append_padded(cache.iso, distance % 60, 2);
  append_padded(zone, distance % 60, 2);
  cache.local = haproxy + ' ' + zone;
  return cache;
}

std::int64_t seconds_of(base::WallTime t) {
  return std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
}
std::int64_t milliseconds_within(base::WallTime t) {
  return std::chrono::floor<std::chrono::milliseconds>(t).time_since_epoch().count() - seconds_of(t) * 1000;
}

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
  std::size_t from = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (plain(text[i])) continue;
    const auto u = static_cast<unsigned char>(text[i]);
    out.append(text.substr(from, i - from));
    const char escape[] = {'\\', 'x', digits[u >> 4], digits[u & 15]};
    out.append(escape, sizeof escape);
    from = i + 1;
  }
  out.append(text.substr(from));
}

void escape_from(std::string& out, std::size_t at) {
  const auto odd = std::find_if_not(out.begin() + static_cast<std::ptrdiff_t>(at), out.end(), plain);
  if (odd == out.end()) return;
  const std::string rest(odd, out.end());
  out.erase(odd, out.end());
  append_escaped(out, rest);
}

void hash_escaped(base::Pen& pen, std::string_view text) {
  for (const char c : text) {
    if (plain(c) && c != '#') {
      pen.put(c);
      continue;
    }
    const auto u = static_cast<unsigned char>(c);
    pen.put('#');
    pen.put(digits[u >> 4]);
    pen.put(digits[u & 15]);
  }
}

void append_json(std::string& out, std::string_view text) {
  std::size_t from = 0;  // of the run that can be copied
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (plain(c)) continue;
    if (const auto n = utf8_length(text.substr(i)); n != 0) {
      i += n - 1;
      continue;
    }
    out.append(text.substr(from, i - from));
    from = i + 1;
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else {
      const auto u = static_cast<unsigned char>(c);
      const char escape[] = {'\\', 'u', '0', '0', digits[u >> 4], digits[u & 15]};
      out.append(escape, sizeof escape);
    }
  }
  out.append(text.substr(from));
}

void append_number(std::string& out, std::int64_t n) {
  base::append_with_pen(out, base::Pen::number_room, [n](base::Pen& pen) { pen.number(n); });
}

void append_seconds(std::string& out, base::Duration d) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(d < base::Duration::zero() ? base::Duration::zero() : d).count();
  append_number(out, ms / 1000);
  out += '.';
  append_padded(out, ms % 1000, 3);
}

void append_msec(std::string& out, base::WallTime t) {
  append_number(out, seconds_of(t));
  out += '.';
  append_padded(out, milliseconds_within(t), 3);
}

void append_time_local(std::string& out, base::WallTime t) { out += texts_of(seconds_of(t)).local; }
void append_time_iso8601(std::string& out, base::WallTime t) { out += texts_of(seconds_of(t)).iso; }
void time_haproxy(base::Pen& pen, base::WallTime t) {
  pen.text(texts_of(seconds_of(t)).haproxy);
  pen.put('.');
  padded(pen, milliseconds_within(t), 3);
}

}  // namespace http::log_text
