// SPDX-License-Identifier: BSD-2-Clause
// Results and errors. What a peer sends, the system refuses or a user configures gives an Error, never an exception or a CHECK.
#pragma once

#include <expected>

#include "base/reason.h"

namespace base {

enum class Side : std::uint8_t { client, upstream, internal };

struct Error {
  Reason reason;
  Side side = Side::internal;
  bool retry = false;   // nothing was done on the other side yet; the same may be tried elsewhere
  int system = 0;       // errno where a system call failed, else 0
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(const ReasonRow& row, Side side, std::int64_t a = 0, std::int64_t b = 0,
                                   std::string_view subject = {}) {
  return std::unexpected(Error{Reason{&row, a, b, subject}, side, false, 0});
}

}  // namespace base
