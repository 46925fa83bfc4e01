// SPDX-License-Identifier: BSD-2-Clause
// How a configuration's files are read: by ourselves, or by somebody who has the right to. Any thread, if what is given is.
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <vector>

namespace config {

struct Files {
  // The whole text, or the errno: EISDIR for a directory, EFBIG beyond `largest_file`.
  std::function<std::expected<std::string, int>(const std::string& path)> read;
  // The names that a pattern (glob(7)) stands for, sorted.
  std::function<std::vector<std::string>(const std::string& pattern)> expand;
};

inline constexpr std::size_t largest_file = 16 * 1024 * 1024;

// Plain calls, as whoever we are.
Files own_files();
// The rest of an open file, with the same errors. Does not close it.
std::expected<std::string, int> read_all(int fd);

}  // namespace config
