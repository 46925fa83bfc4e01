// SPDX-License-Identifier: BSD-2-Clause
#include "http/request_id.h"

#include <algorithm>
#include <random>

#include "base/bytes.h"
#include "base/pen.h"

namespace http {

namespace {

constexpr std::size_t digits_a_word = 16;

void write_hex(base::Pen& pen, std::uint64_t n) {
  static constexpr char digits[] = "0123456789abcdef";
  for (int shift = 60; shift >= 0; shift -= 4) pen.put(digits[n >> shift & 15]);
}

}  // namespace

base::RecycledString new_request_id() {
  thread_local std::uint64_t seed = [] {
    std::random_device device;
    return static_cast<std::uint64_t>(device()) << 32 | device();
  }();
  thread_local std::uint64_t count = 0;
  base::RecycledString out;
  // A keyed hash of a counter: cheap, and the process's key is not known outside.
  const std::uint64_t input[2] = {seed, ++count};
  const auto* bytes = reinterpret_cast<const char*>(input);
  base::append_with_pen(out, 2 * digits_a_word, [bytes](base::Pen& pen) {
    write_hex(pen, base::seeded_hash({bytes, sizeof input}));
    write_hex(pen, base::seeded_hash({bytes + 8, 8}) ^ seed);
  });
  return out;
}

bool valid_request_id(std::string_view id) {
  return !id.empty() && id.size() <= 128 && std::all_of(id.begin(), id.end(), [](char c) {
    return base::is_alpha(c) || base::is_digit(c) || std::string_view("-_.:+/=").find(c) != std::string_view::npos;
  });
}

}  // namespace http
