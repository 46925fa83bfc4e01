// SPDX-License-Identifier: BSD-2-Clause
#include "http/dates.h"

#include <array>

namespace http {

namespace {

constexpr std::array<std::string_view, 7> day_names{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 7> long_day_names{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> month_names{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Days since 1970-01-01 of a proleptic Gregorian date; years begin in March so that leap days come last.
std::int64_t days_from_civil(int year, int month, int day) {
  const std::int64_t y = year - (month <= 2 ? 1 : 0);
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const std::int64_t year_of_era = y - era * 400;
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

void two_digits(std::string& out, int n) {
  out += static_cast<char>('0' + n / 10 % 10);
  out += static_cast<char>('0' + n % 10);
}

// Reads from the front of a text; any mismatch makes it bad for good.
struct Reader {
  std::string_view rest;
  bool good = true;

  void skip(std::string_view expected) {
    good = good && rest.starts_with(expected);
    if (good) rest.remove_prefix(expected.size());
  }
  int number(std::size_t digits) {
    good = good && rest.size() >= digits;
    if (!good) return 0;
    int n = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (rest[i] < '0' || rest[i] > '9') {
        good = false;
        return 0;
      }
      n = n * 10 + (rest[i] - '0');
    }
    rest.remove_prefix(digits);
    return n;
  }
  template <std::size_t N>
  int name(const std::array<std::string_view, N>& names) {
    for (std::size_t i = 0; i < N; ++i) {
      if (!rest.starts_with(names[i])) continue;
      rest.remove_prefix(names[i].size());
      return static_cast<int>(i);
    }
    good = false;
    return 0;
  }
};

struct Parts {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
};

void read_time(Reader& r, Parts& p) {
  p.hour = r.number(2);
  r.skip(":");
  p.minute = r.number(2);
  r.skip(":");
  p.second = r.number(2);
}

// "Sun, 06 Nov 1994 08:49:37 GMT"
bool read_fixdate(std::string_view text, Parts& p) {
  Reader r{text};
  r.name(day_names);
  r.skip(", ");
  p.day = r.number(2);
  r.skip(" ");
  p.month = r.name(month_names) + 1;
  r.skip(" ");
  p.year = r.number(4);
  r.skip(" ");
  read_time(r, p);
  r.skip(" GMT");
  return r.good && r.rest.empty();
}

// "Sunday, 06-Nov-94 08:49:37 GMT"
bool read_rfc850(std::string_view text, Parts& p, std::int64_t now) {
  Reader r{text};
  r.name(long_day_names);
  r.skip(", ");
  p.day = r.number(2);
  r.skip("-");
  p.month = r.name(month_names) + 1;
  r.skip("-");
  const int two = r.number(2);
  r.skip(" ");
  read_time(r, p);
  r.skip(" GMT");
  const int this_year = civil_from_seconds(now).year;
  p.year = this_year - this_year % 100 + two;
  if (p.year > this_year + 50) p.year -= 100;
  return r.good && r.rest.empty();
}

// "Sun Nov  6 08:49:37 1994"
bool read_asctime(std::string_view text, Parts& p) {
  Reader r{text};
  r.name(day_names);
  r.skip(" ");
  p.month = r.name(month_names) + 1;
  r.skip(" ");
  if (r.rest.starts_with(" ")) {
    r.skip(" ");
    p.day = r.number(1);
  } else {
    p.day = r.number(2);
  }
  r.skip(" ");
  read_time(r, p);
  r.skip(" ");
  p.year = r.number(4);
  return r.good && r.rest.empty();
}

bool plausible(const Parts& p) {
  static constexpr std::array<int, 12> lengths{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return p.day >= 1 && p.day <= lengths[static_cast<std::size_t>(p.month - 1)] && p.hour < 24 && p.minute < 60 && p.second <= 60;
}

}  // namespace

CivilTime civil_from_seconds(std::int64_t unix_seconds) {
  const std::int64_t days = (unix_seconds >= 0 ? unix_seconds : unix_seconds - 86399) / 86400;
  const auto of_day = static_cast<int>(unix_seconds - days * 86400);
  const std::int64_t z = days + 719468;
  const std::int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const std::int64_t day_of_era = z - era * 146097;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted = (5 * day_of_year + 2) / 153;
  CivilTime t{};
  t.day = static_cast<int>(day_of_year - (153 * shifted + 2) / 5 + 1);
  t.month = static_cast<int>(shifted < 10 ? shifted + 3 : shifted - 9);
  t.year = static_cast<int>(year_of_era + era * 400 + (t.month <= 2 ? 1 : 0));
  t.hour = of_day / 3600;
  t.minute = of_day / 60 % 60;
  t.second = of_day % 60;
  t.weekday = static_cast<int>(((days + 4) % 7 + 7) % 7);
  return t;
}

std::int64_t seconds_from_civil(int year, int month, int day, int hour, int minute, int second) {
  return days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
}

std::string format_date(std::int64_t unix_seconds) {
  const auto t = civil_from_seconds(unix_seconds);
  std::string out;
  out.reserve(29);
  out += day_names[static_cast<std::size_t>(t.weekday)];
  out += ", ";
  two_digits(out, t.day);
  out += ' ';
  out += month_names[static_cast<std::size_t>(t.month - 1)];
  out += ' ';
  two_digits(out, t.year / 100);
  two_digits(out, t.year % 100);
  out += ' ';
  two_digits(out, t.hour);
  out += ':';
  two_digits(out, t.minute);
  out += ':';
  two_digits(out, t.second);
  out += " GMT";
  return out;
}

std::string_view http_date(const base::Clock& clock) {
  thread_local std::int64_t second = -1;
  thread_local std::string text;
  if (const auto now = clock.unix_seconds(); now != second || text.empty()) {
    second = now;
    text = format_date(now);
  }
  return text;
}

std::optional<std::int64_t> parse_date(std::string_view text, std::int64_t now) {
  Parts p;
  if (!read_fixdate(text, p) && !read_rfc850(text, p, now) && !read_asctime(text, p)) return std::nullopt;
  if (!plausible(p)) return std::nullopt;
  return seconds_from_civil(p.year, p.month, p.day, p.hour, p.minute, p.second);
}

}  // namespace http
