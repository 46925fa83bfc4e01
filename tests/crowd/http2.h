// SPDX-License-Identifier: BSD-2-Clause
// As much HTTP/2 (RFC 9113) as slow clients need, frame by frame: what a client says first, the bytes it trickles, and a reader of
// frames that looks at their heads only. Shares nothing with the daemons. Owner: a client of the crowd.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "stream.h"

namespace crowd::http2 {

enum class Kind : std::uint8_t {
  idle,    // one request, read to its end
  head,    // a head that is never complete: HEADERS, then a CONTINUATION that trickles
  body,    // a request with a body that trickles, a byte a DATA frame
  reader,  // open windows, but nothing is read
  shut,    // everything is read, but no stream's window is ever opened
};

// Preface, SETTINGS and the requests of `options.streams` streams (for head and body: one).
std::string opening(const Options& options, Kind kind);
// The `at`-th byte of what is trickled after the opening.
char trickle_byte(Kind kind, std::uint64_t at);
// How many of those make one turn: a byte of the head, or a frame with a byte of the body.
std::uint64_t trickle_turn(Kind kind);
std::string settings_acknowledged();

// What came, frame by frame.
class Frames {
 public:
  struct Seen {
    bool settings = false;          // to be acknowledged
    std::uint32_t heads = 0;        // answers that began
    std::uint32_t ends = 0;         // and ended
    std::uint32_t resets = 0;
    int status = 0;                 // 200 or, if it was another, 0: of the last head
  };
  Seen feed(std::string_view bytes);
  void clear() { *this = {}; }

 private:
  void frame(Seen& seen) const;
  std::string head_;
  std::uint32_t left_ = 0;  // of the payload
  std::uint8_t type_ = 0, flags_ = 0;
  std::string first_;       // bytes of a field block, as many as tell the status
};

}  // namespace crowd::http2
