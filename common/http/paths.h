// SPDX-License-Identifier: BSD-2-Clause
// The three forms of a request target. What is forwarded keeps the client's bytes; routes, refusals and the virtual-host
// test look at the match form, so that no disguise of a path escapes them; keys are made of the canonical form. Application servers
// decode `%2F` before they split and resolve `..` after it, hence the refusals here. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace http {

// Checks an origin-form target ("/path?query") and resolves its literal dot segments (RFC 3986 5.2.4) if there is a "..": alone, "." is
// harmless and stays. Empty result: as it came. Errors: 400 for a byte that is no visible ASCII, '#', a path not beginning with '/', an invalid %XX or %00 in the path, a
// path above the root, a '..' that appears only after decoding. A query's encoding is the application's business.
base::Result<std::string> normalise_target(std::string_view target);

// The path decoded once ("%2F" too), without empty and '.' segments and without a final slash: "/a//./b%2Fc/" is "/a/b/c"; the
// root is "/". `path` is without query. An invalid %XX stays as it is.
std::string match_form(std::string_view path);

// For keys: unreserved bytes decoded, other %XX in upper case; path and query alike. "/%7ea%2fb" is "/~a%2Fb".
std::string canonical_form(std::string_view target);

// Every %XX decoded once; invalid ones stay.
std::string percent_decode(std::string_view text);

// RFC 3986 2.3.
constexpr bool is_unreserved(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' || c == '~';
}

}  // namespace http
