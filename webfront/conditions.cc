// SPDX-License-Identifier: BSD-2-Clause
#include "webfront/conditions.h"

namespace webfront {

bool has_cookie(const http::Head& head, const std::vector<std::string>& patterns) {
  bool found = false;
  for (const http::Head::Field& field : head.fields()) {
    if (field.token != http::Token::cookie) continue;
    base::split(head.value(field), ';', [&](std::string_view pair) {
      const std::string_view name = base::trim(pair.substr(0, pair.find('=')));
      for (const std::string& pattern : patterns) found = found || (!name.empty() && base::glob_match(pattern, name));
    });
  }
  return found;
}

bool has_field(const http::Head& head, const FieldTest& test) {
  for (const http::Head::Field& field : head.fields())
    if (base::iequals(head.name(field), test.name) && (test.value.empty() || base::glob_match(test.value, head.value(field)))) return true;
  return false;
}

}  // namespace webfront
