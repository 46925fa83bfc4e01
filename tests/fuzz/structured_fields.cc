// SPDX-License-Identifier: BSD-2-Clause
// Structured fields: what parses can be written (by this file's own writer) and is read the same again; what our writers write,
// parses. Input: a letter for the form (i, l, d; else a text to write), then the value.
#include <cstdio>
#include <string>

#include "fuzz/fuzz.h"
#include "http/structured_fields.h"

namespace {

using namespace http::structured;

std::string base64(std::string_view bytes) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    unsigned bits = 0;
    for (std::size_t i = 0; i < 3; ++i) bits = bits << 8 | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    const auto count = std::min<std::size_t>(bytes.size() - at, 3) + 1;
    for (std::size_t i = 0; i < 4; ++i) out += i < count ? digits[bits >> (18 - 6 * i) & 63] : '=';
  }
  return out;
}

std::string display(std::string_view text) {
  std::string out = "%\"";
  for (const char c : text) {
    char code[4];
    std::snprintf(code, sizeof code, "%%%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
    out += code;
  }
  return out + '"';
}

std::string written(const Bare& bare) {
  if (const auto* flag = std::get_if<bool>(&bare)) return *flag ? "?1" : "?0";
  if (const auto* number = std::get_if<std::int64_t>(&bare)) return std::to_string(*number);
  if (const auto* token = std::get_if<TokenText>(&bare)) return token->value;
  if (const auto* octets = std::get_if<Octets>(&bare)) return ':' + base64(octets->value) + ':';
  if (const auto* date = std::get_if<Date>(&bare)) return '@' + std::to_string(date->seconds);
  if (const auto* text = std::get_if<Text>(&bare)) return display(text->value);
  char decimal[32];
  std::snprintf(decimal, sizeof decimal, "%.3f", std::get<double>(bare));
  return decimal;
}

std::string written(const Parameters& parameters) {
  std::string out;
  for (const auto& [name, value] : parameters) out += ';' + name + '=' + written(value);
  return out;
}
std::string written(const Item& item) { return written(item.value) + written(item.parameters); }

std::string written(const Member& member) {
  if (const auto* item = member.item()) return written(*item);
  std::string out = "(";
  for (const auto& item : member.items) out += (out.size() > 1 ? " " : "") + written(item);
  return out + ')' + written(member.parameters);
}
std::string written(const List& list) {
  std::string out;
  for (const auto& member : list) out += (out.empty() ? "" : ", ") + written(member);
  return out;
}
std::string written(const Dictionary& dictionary) {
  std::string out;
  for (const auto& [name, member] : dictionary) out += (out.empty() ? "" : ", ") + name + '=' + written(member);
  return out;
}

template <class Parse>
void check(std::string_view text, Parse parse) {
  const auto value = parse(text);
  if (!value) return;
  const std::string once = written(*value);
  const auto again = parse(once);
  MUST(again);
  MUST(written(*again) == once);
}

void check_writers(std::string_view text) {
  const auto quoted = parse_item(write_string(text));
  MUST(quoted && std::holds_alternative<Text>(quoted->value));
  std::string kept;
  for (const char c : text)
    if (c >= 0x20 && c < 0x7f) kept += c;
  MUST(std::get<Text>(quoted->value).value == kept);
  const auto either = parse_item(write_token_or_string(text));
  MUST(either && std::holds_alternative<TokenText>(either->value) == is_token(text));
  if (is_token(text)) MUST(std::get<TokenText>(either->value).value == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  switch (input.byte()) {
    case 'i': check(input.rest(), parse_item); break;
    case 'l': check(input.rest(), parse_list); break;
    case 'd':
      check(input.rest(), parse_dictionary);
      if (const auto dictionary = parse_dictionary(input.rest()))
        for (const auto& [name, member] : *dictionary) MUST(find(*dictionary, name) == &member);  // each key once
      break;
    default: check_writers(input.rest());
  }
  return 0;
}
