// SPDX-License-Identifier: BSD-2-Clause
#include "http/codings.h"

#include "base/bytes.h"
#include "http/fields.h"

namespace http {

int parse_weight(std::string_view value) {
  if (value.empty() || value.size() > 5 || (value[0] != '0' && value[0] != '1')) return 0;
  int weight = (value[0] - '0') * 1000;
  if (value.size() > 1 && value[1] != '.') return 0;
  int scale = 100;
  for (std::size_t i = 2; i < value.size(); ++i, scale /= 10) {
    if (!base::is_digit(value[i])) return 0;
    weight += (value[i] - '0') * scale;
  }
  return weight > 1000 ? 0 : weight;
}

int coding_weight(const Head& request, std::string_view coding) {
  int named = -1, any = -1;
  const bool gzip = base::iequals(coding, "gzip");
  for_each_in_field(request, Token::accept_encoding, [&](std::string_view element) {
    std::string_view rest;
    const auto name = element_name(element, rest);
    int weight = 1000;
    Parameter parameter;
    while (next_parameter(rest, parameter))
      if (base::iequals(parameter.name, "q")) weight = parse_weight(parameter.value);
    if (base::iequals(name, coding) || (gzip && base::iequals(name, "x-gzip"))) named = weight;
    else if (name == "*") any = weight;
  });
  if (named >= 0) return named;
  if (base::iequals(coding, "identity")) return any == 0 ? 0 : 1000;
  return any > 0 ? any : 0;
}

std::string_view choose_coding(const Head& request, std::initializer_list<std::string_view> offered) {
  std::string_view best = "identity";
  int weight = 0;
  for (const auto coding : offered) {
    const int w = coding_weight(request, coding);
    if (w > weight) {
      weight = w;
      best = coding;
    }
  }
  // Identity was named and is wanted more.
  if (weight > 0 && has_token(request, Token::accept_encoding, "identity") && coding_weight(request, "identity") > weight) return "identity";
  return best;
}

}  // namespace http
