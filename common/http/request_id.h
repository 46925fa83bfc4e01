// SPDX-License-Identifier: BSD-2-Clause
// Names for requests, for logs of all tiers. Any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/recycled.h"

namespace http {

// 32 hex digits that nobody can guess; unique enough for logs. Uses a generator of the thread's, seeded by the kernel.
base::RecycledString new_request_id();
// What a trusted peer may name a request: 1 to 128 bytes of letters, digits and "-_.:+/=".
bool valid_request_id(std::string_view id);

}  // namespace http
