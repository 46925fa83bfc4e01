// SPDX-License-Identifier: BSD-2-Clause
// Range requests for bytes (RFC 9110 14). Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http/head.h"

namespace http {

struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t length = 0;  // > 0
};

struct RangeRequest {
  enum class Kind : std::uint8_t {
    whole,          // no Range, another unit, malformed, or unreasonable: answer 200
    ranges,         // 206
    unsatisfiable,  // 416 with `Content-Range: bytes */size`
  };
  Kind kind = Kind::whole;
  std::vector<ByteRange> ranges;
};

// `size` of the representation. More than `most` ranges, or overlapping ones, are answered whole: they cost more than they save.
RangeRequest parse_ranges(std::string_view value, std::uint64_t size, std::size_t most = 16);
// For a request: GET only, one Range line; If-Range is the caller's (conditionals.h).
RangeRequest requested_ranges(const RequestHead& request, std::uint64_t size, std::size_t most = 16);

// First byte that a "bytes=N-" or "bytes=N-M" request wants, when the size is not known yet; nullopt for suffixes, lists and anything else.
struct OpenRange {
  std::uint64_t first = 0;
  std::uint64_t last = UINT64_MAX;
};
bool single_range_without_size(std::string_view value, OpenRange& out);

// "bytes 0-99/1234" and "bytes */1234".
std::string content_range(const ByteRange& range, std::uint64_t size);
std::string unsatisfied_range(std::uint64_t size);

// multipart/byteranges (14.6): what comes before each part, and after the last.
class Multipart {
 public:
  // `boundary`: a token of our choice that is not in the content.
  Multipart(std::string boundary, std::string_view content_type, std::uint64_t size);
  std::string content_type() const { return "multipart/byteranges; boundary=" + boundary_; }
  std::string part_head(const ByteRange& range, bool first) const;
  std::string end() const { return "\r\n--" + boundary_ + "--\r\n"; }
  std::uint64_t length(const std::vector<ByteRange>& ranges) const;  // of the whole body

 private:
  std::string boundary_;
  std::string part_type_;
  std::uint64_t size_;
};

}  // namespace http
