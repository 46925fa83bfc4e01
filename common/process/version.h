// SPDX-License-Identifier: BSD-2-Clause
// The version of all three daemons.
#pragma once

namespace process {
inline constexpr const char* version = "0.1.0";
}
