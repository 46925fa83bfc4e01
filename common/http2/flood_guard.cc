// SPDX-License-Identifier: BSD-2-Clause
#include "http2/flood_guard.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>

#include "http2/reasons.h"

namespace http2 {

namespace {

constexpr std::uint32_t preface_size = 24;
constexpr std::size_t frame_head_size = 9;
// A DATA frame is tiny below this (padding hides at most 256 bytes).
constexpr std::uint32_t tiny_payload = 64;
constexpr std::uint32_t padding = 256;
// So many bytes taken by a client excuse one WINDOW_UPDATE: some libraries send two for each small read.
constexpr std::uint32_t bytes_a_window_update = 256;
// What an answered request gives back for the bytes of its head.
constexpr std::uint32_t bytes_a_request = 32 * 1024;
// What a head may cost beyond its limits before it is taken for an attack and not for a large cookie, which deserves its 431.
constexpr std::size_t unfold_margin = 128 * 1024;
constexpr std::size_t field_margin = 1000;

}  // namespace

// How much of each kind costs a few milliseconds at most; browsers, gRPC and other proxies stay far below (README).
const FloodGuard::Allowance& FloodGuard::allowance(Kind kind) {
  static constexpr Allowance rows[] = {
      {200, 10, &reasons::rapid_reset},       {100, 5, &reasons::provoked_resets},    {1000, 10, &reasons::refused_streams},
      {50, 1, &reasons::settings_flood},      {200, 5, &reasons::ping_flood},         {4000, 100, &reasons::window_flood},
      {1000, 20, &reasons::priority_flood},   {500, 10, &reasons::empty_data},        {50'000, 10'000, &reasons::tiny_data},
      {1000, 20, &reasons::idle_frames},      {1 << 20, 64 << 10, &reasons::head_bytes}, {200, 10, &reasons::late_streams},
  };
  static_assert(std::size(rows) == kinds);
  return rows[static_cast<std::size_t>(kind)];
}

FloodGuard::FloodGuard(base::TimePoint now, std::size_t head_bytes, std::size_t head_fields)
    : refilled_(now), max_unfolded_(unfold_margin + 4 * head_bytes), max_fields_(field_margin + 4 * head_fields),
      head_burst_(static_cast<std::uint32_t>(std::max<std::size_t>(allowance(Kind::heads).burst, 64 * head_bytes))),
      max_continuations_(static_cast<std::uint32_t>(8 + max_unfolded_ / 16384)), skip_(preface_size) {
  for (std::size_t i = 0; i < kinds; ++i) left_[i] = burst(static_cast<Kind>(i));
}

std::size_t FloodGuard::admit(std::string_view bytes, base::TimePoint now) {
  refill(now);
  std::size_t at = 0;
  while (at < bytes.size() && !verdict_) {
    if (skip_ > 0) {
      const std::size_t n = std::min<std::size_t>(skip_, bytes.size() - at);
      skip_ -= static_cast<std::uint32_t>(n);
      at += n;
      continue;
    }
    const std::size_t begin = at;
    const std::size_t n = std::min(frame_head_size - have_, bytes.size() - at);
    for (std::size_t i = 0; i < n; ++i) partial_[have_ + i] = static_cast<std::uint8_t>(bytes[at + i]);
    have_ = static_cast<std::uint8_t>(have_ + n);
    at += n;
    if (have_ < frame_head_size) break;
    have_ = 0;
    const auto& p = partial_;
    const auto number = [&](std::size_t from, std::size_t size) {
      std::uint32_t out = 0;
      for (std::size_t i = 0; i < size; ++i) out = out << 8 | p[from + i];
      return out;
    };
    const FrameHead head{number(0, 3), p[3], p[4], number(5, 4) & 0x7fffffff};
    skip_ = head.length;
    frame(head);
    if (verdict_) return begin;
  }
  return at;
}

// Once a second is often enough: the bursts are meant for much longer.
void FloodGuard::refill(base::TimePoint now) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - refilled_).count();
  if (seconds < 1) return;
  refilled_ += std::chrono::seconds(seconds);
  const auto times = static_cast<std::uint64_t>(std::min<std::int64_t>(seconds, 3600));
  for (std::size_t i = 0; i < kinds; ++i) {
    const auto kind = static_cast<Kind>(i);
    left_[i] = static_cast<std::uint32_t>(std::min<std::uint64_t>(burst(kind), left_[i] + times * allowance(kind).a_second));
  }
}

void FloodGuard::frame(const FrameHead& head) {
  switch (head.type) {
    case NGHTTP2_DATA: return data(head);
    case NGHTTP2_HEADERS: return headers(head);
    case NGHTTP2_CONTINUATION:
      spend(Kind::heads, head.length + 1);
      if (++continued_ > max_continuations_) reject(reasons::continuation_flood, max_continuations_);
      return;
    case NGHTTP2_PRIORITY: return spend(Kind::priorities);
    case NGHTTP2_RST_STREAM: return spend(Kind::resets);
    case NGHTTP2_SETTINGS: return spend(Kind::settings);
    case NGHTTP2_PING: return spend(Kind::pings);
    case NGHTTP2_WINDOW_UPDATE: return spend(Kind::windows);
    default: return spend(Kind::idle);  // GOAWAY and what nghttp2 passes over
  }
}

void FloodGuard::headers(const FrameHead& head) {
  continued_ = 0;
  spend(Kind::heads, head.length + 1);
  // Trailers; or a stream that is no more, whose head is unfolded and dropped.
  if (head.stream <= last_stream_) return spend(Kind::idle);
  last_stream_ = head.stream;
  if (going_) return spend(Kind::late);
  give(Kind::priorities, 2);
}

void FloodGuard::data(const FrameHead& head) {
  if (head.flags & NGHTTP2_FLAG_END_STREAM) return;
  if (head.length == 0) return spend(Kind::empty);
  if (head.length < tiny_payload || ((head.flags & NGHTTP2_FLAG_PADDED) && head.length < tiny_payload + padding)) spend(Kind::tiny);
}

void FloodGuard::spend(Kind kind, std::uint32_t amount) {
  std::uint32_t& left = left_[static_cast<std::size_t>(kind)];
  if (left < amount) return reject(*allowance(kind).row, burst(kind));
  left -= amount;
}

void FloodGuard::give(Kind kind, std::uint32_t amount) {
  std::uint32_t& left = left_[static_cast<std::size_t>(kind)];
  left = std::min(burst(kind), left + amount);
}

void FloodGuard::answered() {
  give(Kind::resets, 1);
  give(Kind::idle, 1);
  give(Kind::heads, bytes_a_request);
}

void FloodGuard::sent(std::size_t payload, bool all) {
  give(Kind::pings, 1);
  unpaid_bytes_ += static_cast<std::uint32_t>(payload);
  give(Kind::windows, unpaid_bytes_ / bytes_a_window_update + (all ? 2 : 0));
  unpaid_bytes_ %= bytes_a_window_update;
}

void FloodGuard::reset_sent(std::uint32_t code) {
  switch (code) {
    case NGHTTP2_REFUSED_STREAM: return spend(Kind::refused);
    case NGHTTP2_PROTOCOL_ERROR:
    case NGHTTP2_FLOW_CONTROL_ERROR:
    case NGHTTP2_STREAM_CLOSED:
    case NGHTTP2_FRAME_SIZE_ERROR:
    case NGHTTP2_COMPRESSION_ERROR: return spend(Kind::provoked);
    default: return;  // ours: the server's answer failed, a time-out, a body that is not wanted
  }
}

bool FloodGuard::unfolded(std::size_t bytes, std::size_t fields) {
  if (bytes <= max_unfolded_ && fields <= max_fields_) return true;
  reject(reasons::header_bomb, static_cast<std::int64_t>(max_unfolded_), static_cast<std::int64_t>(max_fields_));
  return false;
}

}  // namespace http2
