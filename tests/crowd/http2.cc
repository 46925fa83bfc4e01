// SPDX-License-Identifier: BSD-2-Clause
#include "http2.h"

#include <algorithm>

namespace crowd::http2 {
namespace {

enum Type : std::uint8_t { data = 0, headers = 1, rst_stream = 3, settings = 4, window_update = 8, continuation = 9 };
constexpr std::uint8_t end_stream = 1, end_headers = 4, acknowledgement = 1;
constexpr std::uint32_t slow_head = 16'000;  // bytes of the CONTINUATION that trickles; a frame has 16 384 at most
constexpr std::uint32_t widest = 0x7fffffff;
constexpr std::size_t enough = 16;           // bytes of a field block

std::string number(std::uint32_t value, int bytes) {
  std::string out;
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
  return out;
}

std::string head_of(std::uint32_t length, Type type, std::uint8_t flags, std::uint32_t stream) {
  return number(length, 3) + static_cast<char>(type) + static_cast<char>(flags) + number(stream, 4);
}

std::string frame(Type type, std::uint8_t flags, std::uint32_t stream, const std::string& payload) {
  return head_of(static_cast<std::uint32_t>(payload.size()), type, flags, stream) + payload;
}

// An integer with a prefix of 7 bits, the first of them 0 (RFC 7541 5.1).
std::string length_of(std::size_t size) {
  if (size < 127) return std::string(1, static_cast<char>(size));
  std::string out(1, 127);
  for (size -= 127; size >= 128; size /= 128) out += static_cast<char>(size % 128 | 128);
  return out + static_cast<char>(size);
}

std::string text(std::string_view value) { return length_of(value.size()) + std::string(value); }

// Method, scheme, path and authority by the static table (RFC 7541 appendix A), nothing indexed.
std::string request(const Options& options, bool post) {
  return std::string(post ? "\x83" : "\x82") + (options.tls ? '\x87' : '\x86') + '\x04' + text(options.target) + '\x01' + text("slow.example");
}

}  // namespace

std::string opening(const Options& options, Kind kind) {
  std::string out = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  std::string ours;
  if (kind == Kind::shut) ours = number(4, 2) + number(0, 4);
  if (kind == Kind::reader) ours = number(4, 2) + number(widest, 4);
  out += frame(settings, 0, 0, ours);
  if (kind == Kind::reader) out += frame(window_update, 0, 0, number(widest - 65535, 4));
  const std::string fields = request(options, kind == Kind::body);
  if (kind == Kind::head) {
    // A literal field whose value has not come yet.
    out += frame(headers, end_stream, 1, fields + '\0' + text("x-slow") + length_of(slow_head));
    return out + head_of(slow_head, continuation, 0, 1);
  }
  if (kind == Kind::body) return out + frame(headers, end_headers, 1, fields + '\0' + text("content-length") + text("100000000"));
  for (std::uint32_t i = 0; i < options.streams; ++i) out += frame(headers, end_headers | end_stream, 2 * i + 1, fields);
  return out;
}

std::uint64_t trickle_turn(Kind kind) { return kind == Kind::body ? 10 : 1; }

char trickle_byte(Kind kind, std::uint64_t at) {
  if (kind == Kind::head) return 'a';
  static const std::string one = frame(data, 0, 1, "a");
  return one[at % one.size()];
}

std::string settings_acknowledged() { return frame(settings, acknowledgement, 0, ""); }

Frames::Seen Frames::feed(std::string_view bytes) {
  Seen seen;
  while (!bytes.empty()) {
    if (left_ > 0) {
      const std::size_t n = std::min<std::size_t>(left_, bytes.size());
      if (type_ == headers && first_.size() < enough) first_.append(bytes.substr(0, std::min(n, enough - first_.size())));
      left_ -= static_cast<std::uint32_t>(n);
      bytes.remove_prefix(n);
    } else {
      const std::size_t n = std::min(9 - head_.size(), bytes.size());
      head_.append(bytes.substr(0, n));
      bytes.remove_prefix(n);
      if (head_.size() < 9) break;
      const auto at = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(head_[i])); };
      left_ = at(0) << 16 | at(1) << 8 | at(2);
      type_ = static_cast<std::uint8_t>(at(3));
      flags_ = static_cast<std::uint8_t>(at(4));
      head_.clear();
      first_.clear();
    }
    if (left_ == 0) frame(seen);
  }
  return seen;
}

// A whole frame was seen.
void Frames::frame(Seen& seen) const {
  if (type_ == settings && !(flags_ & acknowledgement)) seen.settings = true;
  if (type_ == rst_stream) ++seen.resets;
  if (type_ == headers) {
    ++seen.heads;
    std::size_t at = 0;
    // Changes of the table's size come first, in one or more bytes each (RFC 7541 6.3).
    while (at < first_.size() && (first_[at] & 0xe0) == 0x20) {
      const bool more = (first_[at++] & 0x1f) == 0x1f;
      while (more && at < first_.size() && (first_[at++] & 0x80)) {}
    }
    seen.status = at < first_.size() && first_[at] == '\x88' ? 200 : 0;
  }
  if ((type_ == headers || type_ == data) && (flags_ & end_stream)) ++seen.ends;
}

}  // namespace crowd::http2
