// SPDX-License-Identifier: BSD-2-Clause
// Where an exchange puts its answer, whatever protocol carries it: informational*, head, data*, trailers?, end — or abort.
// Owner: connection or stream; valid until the exchange is reaped. Worker thread. The exchange is rung when writable() grows
// from 0 and when the client has gone.
#pragma once

#include <optional>
#include <string_view>

#include "base/reason.h"
#include "http/head.h"
#include "net/buffer.h"

namespace http {

class ResponseSink {
 public:
  virtual ~ResponseSink() = default;

  // 1xx other than 101; dropped for HTTP/1.0 clients. Only before head().
  virtual void informational(const ResponseHead& head) = 0;
  // The final head. `length`: exact body length if known (Content-Length), nullopt: unknown (chunked, or per protocol).
  // For HEAD and 304 `length` is what a GET would have had and no data may follow; 204 and 205 carry none.
  // The sink adds Date if absent and its framing; everything else is the exchange's.
  virtual void head(ResponseHead head, std::optional<std::uint64_t> length) = 0;
  bool committed() const { return committed_; }  // head() was called
  int status() const { return status_; }         // of that head; 0: none yet
  // Bytes of data wanted now; 0: wait to be rung. Data is produced only when asked for.
  virtual std::size_t writable() const = 0;
  // Moves up to `max` bytes from `from`. More than writable() is allowed once (a piece is not split for it).
  virtual void data(net::Buffer& from, std::size_t max = SIZE_MAX) = 0;
  // The same with a copy of `bytes`: for small pieces.
  virtual void copy(std::string_view bytes);
  // Ends the answer. Trailers are sent only if the client said `TE: trailers` and the framing permits. With fewer bytes than
  // `length` declared it aborts instead: an incomplete body never looks complete.
  virtual void end(const Head* trailers = nullptr) = 0;
  // Cuts the answer so that the client sees it is incomplete (reset; RST_STREAM). Before head(): closes without an answer.
  virtual void abort() = 0;
  // Close the client's connection after this answer (HTTP/2: no effect but GOAWAY on drain).
  virtual void close_after() = 0;
  // 101: from now on data() carries the tunnel's bytes to the client and the RequestBody those from it, until end().
  virtual void switch_to_tunnel(ResponseHead head) = 0;
  // The client is gone or reset the stream: nothing more can be delivered. FIN alone sets half_closed(), see
  // `queue.abort_on_client_close`.
  virtual bool gone() const = 0;
  virtual bool half_closed() const = 0;
  virtual bool ended() const = 0;             // end() or abort() was called
  // Ended, and every byte was handed to the kernel, or nothing can be delivered any more. The exchange is rung when it becomes
  // true; only then does it log and close, so that what the log says was sent was sent.
  virtual bool settled() const = 0;
  virtual std::uint64_t body_bytes() const = 0;   // body bytes handed to the transport or protocol so far
  virtual std::uint64_t total_bytes() const = 0;  // heads and framing included

 protected:
  bool committed_ = false;
  std::uint16_t status_ = 0;
};

}  // namespace http
