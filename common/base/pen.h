// SPDX-License-Identifier: BSD-2-Clause
// Writes bytes one after the other into memory whose size the caller has reckoned before: no check, no growing. For lines that every
// request leaves behind (heads, the access log).
#pragma once

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstring>
#include <string>
#include <string_view>

#include "base/check.h"

namespace base {

struct Pen {
  static constexpr std::size_t number_room = 20;  // the longest a number() can be

  char* at;
  void put(char c) { *at++ = c; }
  void text(std::string_view s) {
    if (!s.empty()) std::memcpy(at, s.data(), s.size());
    at += s.size();
  }
  void number(std::integral auto n) { at = std::to_chars(at, at + number_room, n).ptr; }
};

// Appends to `out` what `write` (a callable that takes a Pen&) writes: at most `room` bytes.
template <class String, class Write>
void append_with_pen(String& out, std::size_t room, Write write) {
  const std::size_t before = out.size();
  // Growing by need alone would copy the text with each call.
  if (out.capacity() < before + room) out.reserve(std::max(before + room, 2 * out.capacity()));
  out.resize_and_overwrite(before + room, [&](char* bytes, std::size_t) {
    Pen pen{bytes + before};
    write(pen);
    const auto after = static_cast<std::size_t>(pen.at - bytes);
    CHECK(after <= before + room);
    return after;
  });
}

}  // namespace base
