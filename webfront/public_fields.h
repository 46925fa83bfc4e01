// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// What answers say of the tiers behind, as far as it is the public's business.
#pragma once

#include <string>
#include <string_view>

namespace webfront {

// A Cache-Status (RFC 9211) without `detail` and `key`: they name cookies, paths and rules. Empty if it cannot be read.
std::string public_cache_status(std::string_view value);

}  // namespace webfront
