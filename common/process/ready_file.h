// SPDX-License-Identifier: BSD-2-Clause
// --ready FILE: appears, complete, once everything listens. One line a listener: its address as configured (or "admin",
// "metrics", "stats"), a space, the address as bound. Main thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace process {

using ReadyLines = std::vector<std::pair<std::string, std::string>>;
// Written beside the file and renamed over it. False: errno says why.
bool write_ready_file(const std::string& path, const ReadyLines& lines);

}  // namespace process
