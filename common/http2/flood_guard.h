// SPDX-License-Identifier: BSD-2-Clause
// What a client may make us do for nothing: counts frames by their heads before nghttp2 sees them, so that a flood ends at an exact
// frame whichever way it is cut into reads. Each kind has an allowance that time refills, and useful work: whoever asks and takes
// answers may reset, ping and update windows as much as that needs. Owner: the session. Pure; worker thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "base/reason.h"

namespace http2 {

class FloodGuard {
 public:
  // `head_limit`: bytes and fields of a request's head as configured.
  FloodGuard(base::TimePoint now, std::size_t head_bytes, std::size_t head_fields);

  // Looks at the connection's next bytes: how many of them may be processed. Fewer than all: the verdict is there.
  std::size_t admit(std::string_view bytes, base::TimePoint now);

  // What was sent to the client.
  void answered();                                    // an answer's last frame
  // DATA or HEADERS; `all`: what was there to send, so that a small frame is not due to a small window.
  void sent(std::size_t payload, bool all);
  void reset_sent(std::uint32_t code);                // RST_STREAM
  void goaway_sent() { going_ = true; }
  // One head's fields so far; false: a bomb.
  bool unfolded(std::size_t bytes, std::size_t fields);
  void reject(const base::ReasonRow& row, std::int64_t a = 0, std::int64_t b = 0) { if (!verdict_) verdict_ = {&row, a, b, {}}; }

  // Set once, by the first limit that was passed.
  const base::Reason& verdict() const { return verdict_; }
  std::size_t continuations() const { return max_continuations_; }

  enum class Kind : std::uint8_t { resets, provoked, refused, settings, pings, windows, priorities, empty, tiny, idle, heads, late, count };
  struct Allowance {
    std::uint32_t burst;
    std::uint32_t a_second;
    const base::ReasonRow* row;
  };
  static const Allowance& allowance(Kind kind);

 private:
  static constexpr std::size_t kinds = static_cast<std::size_t>(Kind::count);
  struct FrameHead {
    std::uint32_t length;
    std::uint8_t type, flags;
    std::uint32_t stream;
  };
  void refill(base::TimePoint now);
  void frame(const FrameHead& head);
  void headers(const FrameHead& head);
  void data(const FrameHead& head);
  void spend(Kind kind, std::uint32_t amount = 1);
  void give(Kind kind, std::uint32_t amount);
  std::uint32_t burst(Kind kind) const { return kind == Kind::heads ? head_burst_ : allowance(kind).burst; }

  std::array<std::uint32_t, kinds> left_{};
  base::TimePoint refilled_;
  base::Reason verdict_;
  std::size_t max_unfolded_, max_fields_;
  std::uint32_t head_burst_;
  std::uint32_t max_continuations_;
  std::uint32_t last_stream_ = 0;     // the highest id that HEADERS named
  std::uint32_t continued_ = 0;       // CONTINUATIONs of the head that is being received
  std::uint32_t unpaid_bytes_ = 0;    // sent, not yet turned into allowance for WINDOW_UPDATEs
  std::uint32_t skip_;                // payload bytes still to come; first the preface
  std::uint8_t have_ = 0;             // of partial_
  std::array<std::uint8_t, 9> partial_{};
  bool going_ = false;
};

}  // namespace http2
