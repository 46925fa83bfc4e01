// SPDX-License-Identifier: BSD-2-Clause
// Media types and the class of an Accept field. Pure; any thread.
#pragma once

#include <string_view>

#include "http/head.h"

namespace http {

// "text/html" of "text/html; charset=utf-8".
std::string_view media_essence(std::string_view content_type);
// "text/*", "*/*" or an exact type against an essence; letter case aside.
bool media_matches(std::string_view pattern, std::string_view essence);

// An Accept of exactly one media range of type application/ asks an API, everything else a page: Plone answers JSON or HTML at
// one address and does not say so in Vary.
enum class AcceptClass : std::uint8_t { page, api };
AcceptClass accept_class(const Head& request);

}  // namespace http
