// SPDX-License-Identifier: BSD-2-Clause
// One TOML text to a tree. Separate from the loader so that a single file includes toml++. One thread.
#pragma once

#include "config/context.h"

namespace config {

// Parses the text of source `source`; nullopt after reporting the first syntax error.
std::optional<Node> parse_toml(Context& context, std::uint32_t source, const std::string& text);

}  // namespace config
