// SPDX-License-Identifier: BSD-2-Clause
// Moves bodies between a client's stream and an upstream lease, both ways, as fast as the slower side wants them. No task of its
// own: the exchange calls pump() from its run() until nothing moves. Worker thread.
#pragma once

#include "http/exchange.h"
#include "http/upstream_pool.h"

namespace http {

class Relay {
 public:
  enum class Outcome : std::uint8_t {
    flowing,          // wait to be rung
    answered,         // the answer was handed to the sink completely and end() was called
    client_gone,      // nothing can be delivered any more
    request_failed,   // body.error(): cut short, too large, timed out
    upstream_failed,  // lease.error()
  };
  // Forgets everything; for another attempt of the same exchange.
  void reset() { *this = Relay{}; }

  // Request direction only: body to lease, as far as it goes. The lease's head must have been queued.
  Outcome pump_request(Stream& stream, Lease& lease);
  // Both directions; the sink's head() or switch_to_tunnel() must have been called for the second.
  Outcome pump(Stream& stream, Lease& lease);
  std::uint64_t request_bytes() const { return request_bytes_; }

 private:
  std::uint64_t request_bytes_ = 0;
};

// How the request's body will be framed towards the upstream.
Framing request_framing(const RequestBody& body);

// True when the answer's body could be given to the sink with its length (Content-Length known and framing certain).
// HEAD and 304 pass the declared length on.
std::optional<std::uint64_t> answer_length(const Lease& lease, const ResponseHead& head, Method method);

}  // namespace http
