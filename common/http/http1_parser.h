// SPDX-License-Identifier: BSD-2-Clause
// Strict parsing of HTTP/1.x heads (RFC 9112; what the standard leaves open is decided in common/README.md).
// Incremental over contiguous bytes: a parser remembers how far it has looked, so that a head sent byte by byte costs linear
// time. What it refuses gives an Error whose reason carries the status; nothing refused is ever forwarded. Worker thread.
#pragma once

#include "base/result.h"
#include "http/head.h"

namespace http {

struct HeadLimits {
  std::size_t bytes = 16 * 1024;   // whole head; beyond it 431
  std::size_t fields = 100;        // 431
  std::size_t target = 8 * 1024;   // 414
  std::size_t name = 256;          // 431 (a field name is at most 65535 in any case)
  bool operator==(const HeadLimits&) const = default;
};

// How a message's body is delimited (RFC 9112 6.3).
struct Framing {
  enum class Kind : std::uint8_t { none, length, chunked, until_close };
  Kind kind = Kind::none;
  std::uint64_t length = 0;
};

// Does a connection begin with HTTP/2's preface (RFC 9113 3.4)? `more`: it may, its 24 bytes are not all there.
enum class Preface : std::uint8_t { no, more, yes };
Preface http2_preface(std::string_view input);

class RequestHeadParser {
 public:
  // `input` begins at the message's first byte and grows between calls. Returns the head's size in bytes when it is
  // complete (and fills `head`), 0 when more is needed. One empty line before the request line is skipped and counted.
  // Validates and normalises: request line, version, Host rules, absolute-form, target (match form), field syntax, Connection's
  // listed names, Content-Length and Transfer-Encoding together.
  base::Result<std::size_t> parse(std::string_view input, const HeadLimits& limits, RequestHead& head);
  const Framing& framing() const { return framing_; }
  // The client asked for the connection to end (`Connection: close`, or HTTP/1.0 without keep-alive).
  bool close() const { return close_; }
  bool expect_continue() const { return expect_continue_; }
  // `Connection: upgrade` with `Upgrade: websocket`; other upgrades are dropped with the hop-by-hop fields.
  bool upgrade_websocket() const { return upgrade_websocket_; }
  void reset();

 private:
  base::Result<void> check(RequestHead& head);
  std::size_t scanned_ = 0;  // how far the last call looked; 0: the request line is not complete
  Framing framing_;
  bool close_ = false;
  bool expect_continue_ = false;
  bool upgrade_websocket_ = false;
};

class ResponseHeadParser {
 public:
  // `request_method` and the status decide the framing (HEAD, 1xx, 204, 304 have none).
  base::Result<std::size_t> parse(std::string_view input, const HeadLimits& limits, Method request_method, ResponseHead& head);
  const Framing& framing() const { return framing_; }
  bool close() const { return close_; }                  // the upstream will close after this answer
  bool switching() const { return switching_; }          // 101 with Upgrade: websocket
  int keep_alive_timeout() const { return keep_alive_timeout_; }  // seconds of `Keep-Alive: timeout=N`, -1 if absent
  void reset();

 private:
  base::Result<void> check(ResponseHead& head, Method request_method);
  std::size_t scanned_ = 0;
  Framing framing_;
  bool close_ = false;
  bool switching_ = false;
  int keep_alive_timeout_ = -1;
};

}  // namespace http
