// SPDX-License-Identifier: BSD-2-Clause
// Content codings and their weights (RFC 9110 12.4.2, 12.5.3). Pure; any thread.
#pragma once

#include <initializer_list>
#include <string_view>

#include "http/head.h"

namespace http {

// Weight 0..1000 of "q=0.5"; anything malformed is 0 (not wanted).
int parse_weight(std::string_view value);
// Weight 0..1000 that Accept-Encoding gives `coding`; "identity" is 1000 unless refused, any other 0 without the field.
int coding_weight(const Head& request, std::string_view coding);
// The best of `offered` (in our order of preference among equal weights); "identity" if none is wanted more than it.
std::string_view choose_coding(const Head& request, std::initializer_list<std::string_view> offered);

}  // namespace http
