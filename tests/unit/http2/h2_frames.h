// SPDX-License-Identifier: BSD-2-Clause
// HTTP/2 frames by hand, for what no library's client would send.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace h2_frames {

inline constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

inline std::string number(std::uint32_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}

inline std::string frame(int type, int flags, std::uint32_t stream, std::string_view payload) {
  std::string out = number(static_cast<std::uint32_t>(payload.size()), 3);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  return out + number(stream, 4) + std::string(payload);
}

// A literal field that is not indexed.
inline std::string field(std::string_view name, std::string_view value) {
  std::string out(1, '\0');
  for (std::string_view text : {name, value}) {
    if (text.size() < 127) {
      out += static_cast<char>(text.size());
    } else {
      std::size_t left = text.size() - 127;
      out += '\x7f';
      for (; left >= 128; left /= 128) out += static_cast<char>(left % 128 | 128);
      out += static_cast<char>(left);
    }
    out += text;
  }
  return out;
}

// A GET of "/" at h.example: two indexed fields, two literal ones.
inline std::string get() { return std::string("\x82\x84\x86") + field(":authority", "h.example"); }

}  // namespace h2_frames
