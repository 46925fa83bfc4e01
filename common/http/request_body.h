// SPDX-License-Identifier: BSD-2-Clause
// The body of a request as an exchange sees it, whatever protocol carries it. Owner: the connection (HTTP/1) or the
// stream (HTTP/2); valid until the exchange is reaped. Worker thread. The exchange is rung when more can be pulled, when it
// completed and when it failed.
#pragma once

#include <optional>

#include "base/result.h"
#include "http/head.h"
#include "net/buffer.h"

namespace http {

class RequestBody {
 public:
  enum class State : std::uint8_t { open, complete, failed };
  virtual ~RequestBody() = default;

  // Declared length; nullopt if chunked (HTTP/2: no content-length). 0 and complete when there is no body.
  virtual std::optional<std::uint64_t> length() const = 0;
  bool none() const { return state() == State::complete && available() == 0 && received() == 0; }
  // Sends 100 (Continue) if the client waits for it and nothing else was sent. Idempotent. webfront calls it after routing.
  virtual void start() = 0;
  // The client sent Expect: 100-continue and neither start() nor bytes happened yet.
  virtual bool expects_continue() const = 0;
  // Bytes that can be pulled now.
  virtual std::size_t available() const = 0;
  // Nothing more will arrive until something is pulled (a window shared with other requests is full): do not wait for more.
  virtual bool stalled() const { return false; }
  virtual std::uint64_t received() const = 0;  // decoded bytes from the start
  // `complete`: every byte has arrived (some may still be waiting to be pulled).
  virtual State state() const = 0;
  virtual const base::Error& error() const = 0;  // when failed: bad chunk, too large (413), cut short, timed out (408)
  // Moves up to `max` bytes to `into`; gives the protocol its window back, which reads on.
  virtual void pull(net::Buffer& into, std::size_t max) = 0;
  // The exchange does not want the rest: read and drop within the lingering limits, or end the connection (see common/README.md).
  virtual void discard() = 0;
  virtual const Head* trailers() const = 0;  // after complete, null if none
  // Largest decoded size accepted; beyond it the body fails with 413. Set by the exchange after routing.
  virtual void set_limit(std::uint64_t bytes) = 0;
};

}  // namespace http
