// SPDX-License-Identifier: BSD-2-Clause
// How a line lies in a ring: this, then its bytes. Shared by the ring's two sides only.
#pragma once

#include <cstdint>

namespace observe {

struct LogRecord {
  std::uint32_t length;
  std::uint16_t target;
  std::uint8_t severity;
  std::uint8_t unused;
};

}  // namespace observe
