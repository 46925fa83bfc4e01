// SPDX-License-Identifier: BSD-2-Clause
// A place in a configuration file, small enough to be kept in every section. Values; any thread.
#pragma once

#include <cstdint>

namespace config {

struct Where {
  std::uint32_t source = 0;  // index of the file among those that were read
  std::uint32_t line = 0;    // from 1; 0: in no file (a default, a test)
  std::uint32_t column = 0;  // from 1, in code points
  std::uint32_t table = 0;   // serial of the table that stands here, for Context::at(); 0: a plain value
  explicit operator bool() const { return line != 0; }
};

}  // namespace config
