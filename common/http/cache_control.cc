// SPDX-License-Identifier: BSD-2-Clause
#include "http/cache_control.h"

#include <algorithm>
#include <string>

#include "base/bytes.h"
#include "http/fields.h"
#include "http/structured_fields.h"

namespace http {

namespace {

struct FlagRow {
  std::string_view name;
  bool CacheControl::*flag;
};
constexpr FlagRow flags[] = {
    {"no-store", &CacheControl::no_store},
    {"no-cache", &CacheControl::no_cache},
    {"private", &CacheControl::is_private},
    {"public", &CacheControl::is_public},
    {"must-revalidate", &CacheControl::must_revalidate},
    {"proxy-revalidate", &CacheControl::proxy_revalidate},
    {"must-understand", &CacheControl::must_understand},
    {"no-transform", &CacheControl::no_transform},
    {"immutable", &CacheControl::immutable},
    {"only-if-cached", &CacheControl::only_if_cached},
};

struct NumberRow {
  std::string_view name;
  std::optional<std::uint64_t> CacheControl::*number;
};
constexpr NumberRow numbers[] = {
    {"max-age", &CacheControl::max_age},
    {"s-maxage", &CacheControl::s_maxage},
    {"stale-while-revalidate", &CacheControl::stale_while_revalidate},
    {"stale-if-error", &CacheControl::stale_if_error},
    {"min-fresh", &CacheControl::min_fresh},
    {"max-stale", &CacheControl::max_stale},
};

void take_directive(CacheControl& out, std::string_view name, std::optional<std::string_view> value) {
  out.present = true;
  for (const auto& row : flags) {
    if (!base::iequals(row.name, name)) continue;
    out.*row.flag = true;
    return;
  }
  for (const auto& row : numbers) {
    if (!base::iequals(row.name, name)) continue;
    if (!value && row.number == &CacheControl::max_stale) {
      out.any_max_stale = true;
      return;
    }
    if (out.*row.number) return;
    out.*row.number = parse_delta_seconds(value.value_or("")).value_or(0);
    return;
  }
}

void take_value(CacheControl& out, std::string_view value) {
  for_each_in_list(value, [&](std::string_view directive) {
    const auto equals = directive.find('=');
    const auto name = base::trim(directive.substr(0, equals));
    if (equals == std::string_view::npos) {
      take_directive(out, name, std::nullopt);
      return;
    }
    const base::RecycledString text = unquote(base::trim(directive.substr(equals + 1)));
    take_directive(out, name, text);
  });
}

// A dictionary of structured fields (RFC 9213 2.1); nullopt if it does not parse or is empty.
std::optional<CacheControl> targeted(const std::string& value) {
  const auto dictionary = structured::parse_dictionary(value);
  if (!dictionary || dictionary->empty()) return std::nullopt;
  CacheControl out;
  out.present = true;
  for (const auto& [name, member] : *dictionary) {
    const auto* item = member.item();
    if (item == nullptr) continue;
    if (const auto* flag = std::get_if<bool>(&item->value)) {
      if (*flag) take_directive(out, name, std::nullopt);
    } else if (const auto* number = std::get_if<std::int64_t>(&item->value)) {
      take_directive(out, name, std::to_string(std::max<std::int64_t>(*number, 0)));
    }
  }
  return out;
}

// "max-age=600+30, content=\"ESI/1.0\", no-store"; parameters (";target") of other surrogates are not for us.
std::optional<CacheControl> surrogate(const std::string& value) {
  CacheControl out;
  for_each_in_list(value, [&](std::string_view directive) {
    std::string_view parameters;
    const auto text = element_name(directive, parameters);
    if (!parameters.empty()) return;
    const auto equals = text.find('=');
    const auto name = base::trim(text.substr(0, equals));
    if (equals == std::string_view::npos) {
      take_directive(out, name, std::nullopt);
      return;
    }
    auto number = base::trim(text.substr(equals + 1));
    const auto plus = number.find('+');
    if (plus != std::string_view::npos && base::iequals(name, "max-age")) {
      take_directive(out, "stale-while-revalidate", number.substr(plus + 1));
      number = number.substr(0, plus);
    }
    take_directive(out, name, number);
  });
  if (!out.present) return std::nullopt;
  return out;
}

// An open quotation ends with its line; in one line it would take the directives after it along.
std::string closed(std::string_view element) {
  bool open = false, escaped = false;
  for (const char c : element) {
    if (escaped) escaped = false;
    else if (c == '\\' && open) escaped = true;
    else if (c == '"') open = !open;
  }
  std::string out(element);
  if (escaped) out += '\\';
  if (open) out += '"';
  return out;
}

}  // namespace

std::optional<std::uint64_t> parse_delta_seconds(std::string_view value) {
  if (value.empty() || !std::all_of(value.begin(), value.end(), base::is_digit)) return std::nullopt;
  return std::min(base::parse_decimal(value).value_or(longest_lifetime), longest_lifetime);
}

CacheControl parse_cache_control(std::string_view value) {
  CacheControl out;
  take_value(out, value);
  return out;
}

CacheControl cache_control_of(const Head& head) {
  CacheControl out;
  for (const auto& f : head.fields())
    if (f.token == Token::cache_control) take_value(out, head.value(f));
  return out;
}

EffectiveControl effective_cache_control(const Head& response) {
  for (const Token field : targeted_fields) {
    if (!response.has(field)) continue;
    const std::string value = response.joined(field);
    auto control = field == Token::surrogate_control ? surrogate(value) : targeted(value);
    if (control) return {*control, field, response.get(field).value_or("")};
  }
  return {cache_control_of(response), Token::cache_control, response.get(Token::cache_control).value_or("")};
}

void edit_directive(Head& head, std::string_view directive, std::optional<std::string_view> value) {
  std::string edited;
  bool seen = false;
  const auto append = [&edited](std::string_view text) {
    if (!edited.empty()) edited += ", ";
    edited += text;
  };
  for_each_in_field(head, Token::cache_control, [&](std::string_view element) {
    const auto name = base::trim(element.substr(0, element.find('=')));
    if (!base::iequals(name, directive)) {
      append(closed(element));
      return;
    }
    if (!seen && value) append(std::string(directive) + (value->empty() ? "" : "=") + std::string(*value));
    seen = true;
  });
  if (!seen) return;
  if (edited.empty()) head.remove(Token::cache_control);
  else head.set(Token::cache_control, edited);
}

}  // namespace http
