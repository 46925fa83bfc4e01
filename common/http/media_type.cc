// SPDX-License-Identifier: BSD-2-Clause
#include "http/media_type.h"

#include "base/bytes.h"
#include "http/fields.h"

namespace http {

std::string_view media_essence(std::string_view content_type) { return base::trim(content_type.substr(0, content_type.find(';'))); }

bool media_matches(std::string_view pattern, std::string_view essence) {
  if (pattern == "*/*" || pattern == "*") return true;
  if (pattern.ends_with("/*")) return base::istarts_with(essence, pattern.substr(0, pattern.size() - 1));
  return base::iequals(pattern, essence);
}

AcceptClass accept_class(const Head& request) {
  int ranges = 0;
  bool application = false;
  for_each_in_field(request, Token::accept, [&](std::string_view element) {
    ++ranges;
    application = base::istarts_with(element, "application/");
  });
  return ranges == 1 && application ? AcceptClass::api : AcceptClass::page;
}

}  // namespace http
