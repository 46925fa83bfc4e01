// SPDX-License-Identifier: BSD-2-Clause
// Structured field values (RFC 9651, which contains RFC 8941): parsing of items, lists and dictionaries, and writing of the few
// forms that the daemons send. A value that does not parse is ignored whole (4.2). Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace http::structured {

struct Text { std::string value; };     // "string", and Display Strings decoded
struct TokenText { std::string value; };
struct Octets { std::string value; };   // :base64:, decoded
struct Date { std::int64_t seconds; };
using Bare = std::variant<bool, std::int64_t, double, Text, TokenText, Octets, Date>;

using Parameters = std::vector<std::pair<std::string, Bare>>;  // in order; a repeated key keeps its last value
struct Item {
  Bare value = true;
  Parameters parameters;
};
// An item, or an inner list.
struct Member {
  std::vector<Item> items;
  bool inner_list = false;
  Parameters parameters;  // of the inner list; an item's own are in items[0]
  const Item* item() const { return inner_list || items.empty() ? nullptr : &items.front(); }
};
using List = std::vector<Member>;
using Dictionary = std::vector<std::pair<std::string, Member>>;

std::optional<Item> parse_item(std::string_view text);
std::optional<List> parse_list(std::string_view text);
std::optional<Dictionary> parse_dictionary(std::string_view text);

const Member* find(const Dictionary& dictionary, std::string_view key);
const Bare* find(const Parameters& parameters, std::string_view key);

// A quoted string; bytes that a string cannot hold are left out.
std::string write_string(std::string_view text);
// Is it a token of RFC 9651 3.3.4?
bool is_token(std::string_view text);
// A token where possible, else a string.
std::string write_token_or_string(std::string_view text);

}  // namespace http::structured
