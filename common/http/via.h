// SPDX-License-Identifier: BSD-2-Clause
// Via (RFC 9110 7.6.3): who passed the message on, and whether it was us. Pure; any thread.
#pragma once

#include <string_view>

#include "http/head.h"

namespace http {

// Appends "1.1 name" to the last Via line. `version`: the protocol by which the message came: "1.0", "1.1" or "2".
void append_via(Head& head, std::string_view version, std::string_view name);
// How many Via entries have exactly this received-by. More than permitted: 508 (reasons::via_loop).
std::size_t count_via(const Head& head, std::string_view name);

}  // namespace http
