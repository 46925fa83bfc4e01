// SPDX-License-Identifier: BSD-2-Clause
// A value of the configuration: where static files are. Any thread.
#pragma once

#include <string>
#include <vector>

namespace http {

// Where files are and which are looked for: a route's part of a look-up.
struct FilePlace {
  std::string root;                        // absolute or relative to the working directory
  std::vector<std::string> index;          // names tried in a directory
  std::vector<std::string> precompressed;  // "br", "zstd", "gzip"
};

}  // namespace http
