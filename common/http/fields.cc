// SPDX-License-Identifier: BSD-2-Clause
#include "http/fields.h"

#include <algorithm>

#include "base/pen.h"
#include "http/scan.h"

namespace http {

namespace {

// Position of the first `separator` outside quoted strings, or the size.
std::size_t separator_at(std::string_view s, char separator) {
  bool quoted = false;
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (quoted && s[i] == '\\') {
      ++i;
    } else if (s[i] == '"') {
      quoted = !quoted;
    } else if (s[i] == separator && !quoted) {
      return i;
    }
  }
  return s.size();
}

}  // namespace

bool next_element(std::string_view& rest, std::string_view& element, char separator) {
  if (rest.data() == nullptr) return false;
  const auto at = separator_at(rest, separator);
  element = base::trim(rest.substr(0, at));
  rest = at < rest.size() ? rest.substr(at + 1) : std::string_view{};
  return true;
}

bool has_token(std::string_view value, std::string_view wanted) {
  bool found = false;
  for_each_in_list(value, [&](std::string_view element) {
    found = found || base::iequals(base::trim(element.substr(0, element.find(';'))), wanted);
  });
  return found;
}

bool has_token(const Head& head, Token token, std::string_view wanted) {
  return std::any_of(head.fields().begin(), head.fields().end(),
                     [&](const Head::Field& f) { return f.token == token && has_token(head.value(f), wanted); });
}

std::string_view element_name(std::string_view element, std::string_view& rest) {
  const auto at = separator_at(element, ';');
  rest = at < element.size() ? element.substr(at + 1) : std::string_view{};
  return base::trim(element.substr(0, at));
}

bool next_parameter(std::string_view& rest, Parameter& out) {
  std::string_view text;
  while (next_element(rest, text, ';')) {
    if (text.empty()) continue;
    const auto equals = text.find('=');
    out.name = base::trim(text.substr(0, equals));
    out.has_value = equals != std::string_view::npos;
    out.value = out.has_value ? unquote(base::trim(text.substr(equals + 1))) : base::RecycledString();
    return true;
  }
  return false;
}

base::RecycledString quoted_if_needed(std::string_view value) {
  if (!value.empty() && std::all_of(value.begin(), value.end(), is_token_byte)) return base::RecycledString(value);
  base::RecycledString out;
  base::append_with_pen(out, 2 * value.size() + 2, [value](base::Pen& pen) {
    pen.put('"');
    for (const char c : value) {
      const auto u = static_cast<unsigned char>(c);
      if (u < 0x20 || u == 0x7f) continue;  // cannot be quoted at all
      if (c == '"' || c == '\\') pen.put('\\');
      pen.put(c);
    }
    pen.put('"');
  });
  return out;
}

base::RecycledString unquote(std::string_view value) {
  if (value.size() < 2 || value.front() != '"' || value.back() != '"') return base::RecycledString(value);
  base::RecycledString out;
  value = value.substr(1, value.size() - 2);
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '\\' && i + 1 < value.size()) ++i;
    out += value[i];
  }
  return out;
}

}  // namespace http
