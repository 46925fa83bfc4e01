// SPDX-License-Identifier: BSD-2-Clause
// The two contracts of an exchange over HTTP/1: its request body and its response sink. Owner: the Http1Connection while a
// request is served, else the worker's free list. Buffers of the wire belong to the connection.
#pragma once

#include "http/body_decoder.h"
#include "http/exchange.h"
#include "http/http1_parser.h"

namespace http {

class Http1Connection;

class Http1Stream final : public RequestBody, public ResponseSink {
 public:
  // Ready for a request on `connection`.
  void start_on(Http1Connection& connection);
  // Forgets the request; keeps memory worth keeping.
  void clear();
  // What waits to be sent, as it counts against the answer's window: references to stored bytes and files cost a piece, not memory, and
  // more of them leave with one system call.
  static std::size_t window_used(const net::Buffer& out) { return out.owned() + out.size() / 16; }

  // RequestBody
  std::optional<std::uint64_t> length() const override;
  void start() override;
  bool expects_continue() const override { return expects_continue_; }
  std::size_t available() const override { return body_.size(); }
  bool stalled() const override;
  std::uint64_t received() const override { return tunnel_ ? tunnel_received_ : decoder_.received(); }
  State state() const override { return body_state_; }
  const base::Error& error() const override { return body_error_; }
  void pull(net::Buffer& into, std::size_t max) override;
  void discard() override;
  const Head* trailers() const override;
  void set_limit(std::uint64_t bytes) override;

  // ResponseSink
  void informational(const ResponseHead& head) override;
  void head(ResponseHead head, std::optional<std::uint64_t> length) override;
  std::size_t writable() const override;
  void data(net::Buffer& from, std::size_t max) override;
  void copy(std::string_view bytes) override;
  void end(const Head* trailers) override;
  void abort() override;
  void close_after() override { close_ = true; }
  void switch_to_tunnel(ResponseHead head) override;
  bool gone() const override { return gone_; }
  bool half_closed() const override { return half_closed_; }
  bool ended() const override { return ended_; }
  bool settled() const override;
  std::uint64_t body_bytes() const override { return body_bytes_; }
  std::uint64_t total_bytes() const override { return total_bytes_; }

 private:
  friend class Http1Connection;
  void fail_body(const base::ReasonRow& row, std::int64_t a = 0);
  void fail_body(const base::Error& error);
  void write_head(const Framing& framing);
  void overflow_collected();
  Http1Connection* connection_ = nullptr;

  // request
  RequestHeadParser parser_;
  BodyDecoder decoder_;
  net::Buffer body_;
  State body_state_ = State::complete;
  base::Error body_error_;
  std::uint64_t limit_ = UINT64_MAX;
  std::uint64_t tunnel_received_ = 0;
  bool expects_continue_ = false, discarding_ = false, http10_ = false, keep_alive10_ = false, te_trailers_ = false;
  Method method_ = Method::other;

  // response
  ResponseHead head_;
  net::Buffer collected_;          // an answer of unknown length to an HTTP/1.0 client
  std::optional<std::uint64_t> length_;
  std::uint64_t body_bytes_ = 0, total_bytes_ = 0;
  bool chunked_ = false, bodiless_ = false, until_close_ = false, collecting_ = false;
  bool close_ = false, ended_ = false, gone_ = false, half_closed_ = false, aborted_ = false, reset_ = false, tunnel_ = false;
  bool silent_ = false;        // the client sends nothing after this head: it has no body, and the client asked for the end
  mutable bool full_ = false;  // writable() said 0
};

}  // namespace http
