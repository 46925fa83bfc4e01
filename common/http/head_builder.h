// SPDX-License-Identifier: BSD-2-Clause
// What the parsers may do to a head: fill its block and table directly. Not for anybody else. Worker thread.
#pragma once

#include "http/head.h"

namespace http {

class HeadBuilder {
 public:
  static Head::Fields& fields(Head& head) { return head.fields_; }
  // With room for the fields that a tier adds, so that the first edit does not move the block.
  static void set_block(Head& head, std::string_view bytes) {
    head.block_.reserve(bytes.size() + Head::edit_room);
    head.block_.assign(bytes);
  }
  // Positions in the block.
  static void set_request_line(RequestHead& head, Method method, std::size_t method_size, std::size_t target_at, std::size_t target_size) {
    head.method_ = method;
    head.method_at_ = 0;
    head.method_size_ = static_cast<std::uint32_t>(method_size);
    head.target_at_ = static_cast<std::uint32_t>(target_at);
    head.target_size_ = static_cast<std::uint32_t>(target_size);
  }
};

}  // namespace http
