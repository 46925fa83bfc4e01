// SPDX-License-Identifier: BSD-2-Clause
// Comma-separated lists across repeated field lines (RFC 9110 5.3, 5.6.1): commas within quoted strings do not separate.
// Pure; any thread. Elements are views of the head, valid until its next edit.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "http/head.h"

namespace http {

// Cuts the first element off `rest` (trimmed; may be empty); false when nothing is left.
bool next_element(std::string_view& rest, std::string_view& element, char separator = ',');

// Calls f(element) for each non-empty element of one value.
template <class F>
void for_each_in_list(std::string_view value, F&& f, char separator = ',') {
  std::string_view element;
  while (next_element(value, element, separator))
    if (!element.empty()) f(element);
}

// Calls f(element) for each non-empty element of all lines of the field, in order.
template <class F>
void for_each_in_field(const Head& head, Token token, F&& f) {
  for (const auto& field : head.fields())
    if (field.token == token) for_each_in_list(head.value(field), f);
}

// Is there an element whose part before any ';' is `wanted`, in any letter case?
bool has_token(const Head& head, Token token, std::string_view wanted);
bool has_token(std::string_view value, std::string_view wanted);

// One element "name;p=v;q=\"w\"" in its parts. `parameter` takes the next parameter off `rest`; values lose their quotes and escapes.
struct Parameter {
  std::string_view name;
  base::RecycledString value;
  bool has_value = false;
};
std::string_view element_name(std::string_view element, std::string_view& rest);
bool next_parameter(std::string_view& rest, Parameter& out);

// A token as it is, anything else as quoted string.
base::RecycledString quoted_if_needed(std::string_view value);
// Content of a quoted string (without its quotes) without its escapes; other text unchanged.
base::RecycledString unquote(std::string_view value);

}  // namespace http
