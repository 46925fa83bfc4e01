// SPDX-License-Identifier: BSD-2-Clause
// An answer's head as nghttp2 takes it: lower-case names, no connection-specific fields (RFC 9113 8.2). Worker thread.
#pragma once

#include <optional>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "base/clock.h"
#include "base/recycled.h"
#include "http/head.h"

namespace http2 {

// The vector points into the head and into this object; both must live until nghttp2 has copied them.
class AnswerFields {
 public:
  // `length`: content-length, which replaces the head's own.
  explicit AnswerFields(const http::ResponseHead& head, std::optional<std::uint64_t> length = {});
  AnswerFields(const AnswerFields&) = delete;
  const nghttp2_nv* data() const { return fields_.data(); }
  std::size_t size() const { return fields_.size(); }

 private:
  void add(std::string_view name, std::string_view value);
  base::RecycledString names_;  // lower-case names, one after the other; reserved before the first
  char status_[3];
  char length_[20];
  std::vector<nghttp2_nv, base::RecycledAllocator<nghttp2_nv>> fields_;
};

void add_date(http::ResponseHead& head, const base::Clock& clock);

// nghttp2's data source of an answer; `user` is the session.
ssize_t read_answer(nghttp2_session*, std::int32_t id, std::uint8_t* into, std::size_t length, std::uint32_t* flags, nghttp2_data_source*, void* user);

}  // namespace http2
