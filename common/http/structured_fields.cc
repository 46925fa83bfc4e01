// SPDX-License-Identifier: BSD-2-Clause
#include "http/structured_fields.h"

#include <algorithm>
#include <cstdlib>

#include "base/bytes.h"
#include "http/scan.h"

namespace http::structured {

namespace {

bool is_key_begin(char c) { return (c >= 'a' && c <= 'z') || c == '*'; }
bool is_key_byte(char c) { return is_key_begin(c) || base::is_digit(c) || c == '_' || c == '-' || c == '.'; }
bool is_token_begin(char c) { return base::is_alpha(c) || c == '*'; }
bool is_token_rest(char c) { return is_token_byte(c) || c == ':' || c == '/'; }

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (base::is_digit(c)) return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}

// A parser over one value (RFC 9651 4.2). After the first failure `good` stays false.
class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) { skip(" "); }

  bool good = true;
  bool done() const { return rest_.empty(); }
  bool next_is(char c) const { return !rest_.empty() && rest_.front() == c; }
  void skip(std::string_view any) {
    while (!rest_.empty() && any.find(rest_.front()) != std::string_view::npos) rest_.remove_prefix(1);
  }
  void finish() {
    skip(" ");
    good = good && rest_.empty();
  }
  // Between members: a comma that something follows.
  bool more_members() {
    skip(" \t");
    if (rest_.empty()) return false;
    if (!take(',')) return fail();
    skip(" \t");
    if (rest_.empty()) return fail();
    return true;
  }

  bool take(char c) {
    if (!next_is(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool fail() { return good = false; }

  std::string key() {
    if (rest_.empty() || !is_key_begin(rest_.front())) {
      fail();
      return {};
    }
    return run(is_key_byte);
  }

  Item item() {
    Item out;
    out.value = bare();
    if (good) out.parameters = parameters();
    return out;
  }

  Member member() {
    Member out;
    if (!next_is('(')) {
      out.items.push_back(item());
      return out;
    }
    out.inner_list = true;
    take('(');
    while (good) {
      skip(" ");
      if (take(')')) {
        out.parameters = parameters();
        return out;
      }
      out.items.push_back(item());
      if (!next_is(' ') && !next_is(')')) fail();
    }
    return out;
  }

  Parameters parameters() {
    Parameters out;
    while (good && take(';')) {
      skip(" ");
      auto name = key();
      Bare value = true;
      if (good && take('=')) value = bare();
      if (!good) break;
      const auto old = std::find_if(out.begin(), out.end(), [&](const auto& p) { return p.first == name; });
      if (old != out.end()) out.erase(old);
      out.emplace_back(std::move(name), std::move(value));
    }
    return out;
  }

 private:
  template <class Test>
  std::string run(Test test) {
    std::size_t n = 0;
    while (n < rest_.size() && test(rest_[n])) ++n;
    std::string out(rest_.substr(0, n));
    rest_.remove_prefix(n);
    return out;
  }

  Bare bare() {
    if (rest_.empty()) {
      fail();
      return false;
    }
    const char c = rest_.front();
    if (c == '-' || base::is_digit(c)) return number();
    if (c == '"') return string();
    if (is_token_begin(c)) return TokenText{run(is_token_rest)};
    if (c == ':') return octets();
    if (c == '?') return boolean();
    if (c == '@') return date();
    if (c == '%') return display_string();
    fail();
    return false;
  }

  Bare number() {
    const bool negative = take('-');
    std::string digits = run(base::is_digit);
    if (digits.empty() || digits.size() > 15) {
      fail();
      return false;
    }
    if (!take('.')) {
      const auto n = static_cast<std::int64_t>(base::parse_decimal(digits).value_or(0));
      return negative ? -n : n;
    }
    const std::string fraction = run(base::is_digit);
    if (digits.size() > 12 || fraction.empty() || fraction.size() > 3) {
      fail();
      return false;
    }
    double value = static_cast<double>(base::parse_decimal(digits).value_or(0));
    double scale = 1;
    double part = 0;
    for (const char d : fraction) {
      part = part * 10 + (d - '0');
      scale *= 10;
    }
    value += part / scale;
    return negative ? -value : value;
  }

  Bare string() {
    Text out;
    take('"');
    while (!rest_.empty()) {
      char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return out;
      if (c == '\\') {
        if (rest_.empty() || (rest_.front() != '"' && rest_.front() != '\\')) break;
        c = rest_.front();
        rest_.remove_prefix(1);
      } else if (c < 0x20 || c > 0x7e) {
        break;
      }
      out.value += c;
    }
    fail();
    return false;
  }

  Bare octets() {
    take(':');
    const auto end = rest_.find(':');
    if (end == std::string_view::npos) {
      fail();
      return false;
    }
    auto text = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    while (!text.empty() && text.back() == '=') text.remove_suffix(1);
    Octets out;
    unsigned bits = 0, count = 0;
    for (const char c : text) {
      const int value = base64_value(c);
      if (value < 0) {
        fail();
        return false;
      }
      bits = bits << 6 | static_cast<unsigned>(value);
      count += 6;
      if (count >= 8) {
        count -= 8;
        out.value += static_cast<char>(bits >> count & 0xff);
      }
    }
    return out;
  }

  Bare boolean() {
    take('?');
    if (take('1')) return true;
    if (take('0')) return false;
    fail();
    return false;
  }

  Bare date() {
    take('@');
    const Bare n = number();
    if (const auto* seconds = std::get_if<std::int64_t>(&n); good && seconds != nullptr) return Date{*seconds};
    fail();
    return false;
  }

  Bare display_string() {
    take('%');
    if (!take('"')) {
      fail();
      return false;
    }
    Text out;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return out;
      if (c < 0x20 || c > 0x7e) break;
      if (c != '%') {
        out.value += c;
        continue;
      }
      const int high = rest_.size() >= 2 ? base::hex_value(rest_[0]) : -1;
      const int low = rest_.size() >= 2 ? base::hex_value(rest_[1]) : -1;
      if (high < 0 || low < 0) break;
      out.value += static_cast<char>(high * 16 + low);
      rest_.remove_prefix(2);
    }
    fail();
    return false;
  }

  std::string_view rest_;
};

}  // namespace

std::optional<Item> parse_item(std::string_view text) {
  Parser parser(text);
  Item out = parser.item();
  parser.finish();
  if (!parser.good) return std::nullopt;
  return out;
}

std::optional<List> parse_list(std::string_view text) {
  Parser parser(text);
  List out;
  if (parser.done()) return out;
  do {
    out.push_back(parser.member());
  } while (parser.good && parser.more_members());
  if (!parser.good) return std::nullopt;
  return out;
}

std::optional<Dictionary> parse_dictionary(std::string_view text) {
  Parser parser(text);
  Dictionary out;
  if (parser.done()) return out;
  do {
    auto key = parser.key();
    if (!parser.good) break;
    Member member;
    if (parser.take('=')) {
      member = parser.member();
    } else {
      member.items.push_back({true, parser.parameters()});
    }
    if (!parser.good) break;
    const auto old = std::find_if(out.begin(), out.end(), [&](const auto& entry) { return entry.first == key; });
    if (old != out.end()) out.erase(old);
    out.emplace_back(std::move(key), std::move(member));
  } while (parser.more_members());
  if (!parser.good) return std::nullopt;
  return out;
}

const Member* find(const Dictionary& dictionary, std::string_view key) {
  for (const auto& entry : dictionary)
    if (entry.first == key) return &entry.second;
  return nullptr;
}

const Bare* find(const Parameters& parameters, std::string_view key) {
  for (const auto& entry : parameters)
    if (entry.first == key) return &entry.second;
  return nullptr;
}

std::string write_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c < 0x20 || c > 0x7e) continue;
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
  return out;
}

bool is_token(std::string_view text) {
  return !text.empty() && is_token_begin(text.front()) && std::all_of(text.begin(), text.end(), is_token_rest);
}

std::string write_token_or_string(std::string_view text) { return is_token(text) ? std::string(text) : write_string(text); }

}  // namespace http::structured
