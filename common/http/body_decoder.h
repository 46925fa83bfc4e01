// SPDX-License-Identifier: BSD-2-Clause
// Takes a message's body out of the bytes of a connection, by its framing (RFC 9112 6, 7.1). Chunk sizes, extensions and
// trailers are checked strictly and limited; what is passed on is always re-framed by the writer. Worker thread.
#pragma once

#include "http/http1_parser.h"
#include "net/buffer.h"

namespace http {

struct BodyLimits {
  std::size_t chunk_line = 1024;      // size and extensions of one chunk
  std::size_t extensions = 16 * 1024; // all chunk extensions of a body together
  HeadLimits trailers{8 * 1024, 50, 0, 256};
  base::Side side = base::Side::client; // whose body it is: errors of an upstream's are 502
};

class BodyDecoder {
 public:
  void start(const Framing& framing, const BodyLimits& limits = {});
  // Moves decoded body bytes from `input` to `body` (at most `max`), leaves what belongs to the next message.
  // True when the body is complete (trailers read). Errors: bad chunk syntax, limits (400; trailers too large 431).
  base::Result<bool> decode(net::Buffer& input, net::Buffer& body, std::size_t max);
  // The peer sent FIN: fine for until_close (true), else an error "cut short".
  base::Result<bool> finish_at_eof();
  bool complete() const { return state_ == State::complete; }
  std::uint64_t received() const { return received_; }   // decoded bytes so far
  const Framing& framing() const { return framing_; }
  Head& trailers() { return trailers_; }                 // valid when complete; forbidden trailer fields dropped (9110 6.5.1)

 private:
  enum class State : std::uint8_t { length, chunk_size, chunk_data, chunk_end, trailers, until_close, complete };
  std::unexpected<base::Error> refuse(const base::ReasonRow& row, std::int64_t limit = 0);
  void take(net::Buffer& input, net::Buffer& body, std::size_t max);
  base::Result<bool> read_chunk_size(net::Buffer& input);
  base::Result<bool> read_chunk_end(net::Buffer& input);
  base::Result<bool> read_trailers(net::Buffer& input);
  struct Trailers : Head { void clear() { clear_head(); } };
  State state_ = State::complete;
  Framing framing_;
  BodyLimits limits_;
  std::uint64_t left_ = 0;
  std::uint64_t received_ = 0;
  std::size_t extensions_ = 0;
  std::size_t scanned_ = 0;
  Trailers trailers_;
};

}  // namespace http
