// SPDX-License-Identifier: BSD-2-Clause
// One HTTP/2 stream: the request's head as it is collected, its body and the answer's sink (RFC 9113). Owner: the session, which keeps
// it until nghttp2 has closed the stream and the exchange was reaped. Worker thread. nghttp2 knows it by its id only.
#pragma once

#include <memory>

#include "http/exchange.h"
#include "http/pace.h"

namespace http2 {

class Session;

class Stream final : public http::RequestBody, public http::ResponseSink {
 public:
  Stream(Session& session, std::int32_t id) : session_(session), id_(id) {}

  // --- http::RequestBody
  std::optional<std::uint64_t> length() const override { return declared_; }
  void start() override;
  bool expects_continue() const override { return expects_continue_; }
  std::size_t available() const override { return in_.size(); }
  bool stalled() const override;
  std::uint64_t received() const override { return received_; }
  State state() const override { return state_; }
  const base::Error& error() const override { return error_; }
  void pull(net::Buffer& into, std::size_t max) override;
  void discard() override;
  const http::Head* trailers() const override { return state_ == State::complete && has_trailers_ ? &trailers_ : nullptr; }
  void set_limit(std::uint64_t bytes) override;

  // --- http::ResponseSink
  void informational(const http::ResponseHead& head) override;
  void head(http::ResponseHead head, std::optional<std::uint64_t> length) override;
  std::size_t writable() const override;
  void data(net::Buffer& from, std::size_t max) override;
  void end(const http::Head* trailers) override;
  void abort() override;
  void close_after() override {}
  void switch_to_tunnel(http::ResponseHead head) override;
  bool gone() const override { return gone_; }
  bool settled() const override { return ended_ && (gone_ || aborted_ || no_answer_left_); }
  bool half_closed() const override { return false; }
  bool ended() const override { return ended_; }
  std::uint64_t body_bytes() const override { return body_bytes_; }
  std::uint64_t total_bytes() const override { return total_bytes_; }

 private:
  friend class Session;
  friend struct Callbacks;
  friend struct Request;
  // Bytes of an answer held here before the exchange is asked to wait.
  static constexpr std::size_t out_limit = 64 * 1024;

  void receive(std::string_view bytes);     // a chunk of DATA
  void request_complete();                  // END_STREAM came
  void fail(base::Error error);             // the request's body cannot become complete
  void drop_body();                         // gives the window of what is held back
  void drop_answer();                       // of what waits to be sent, nothing is
  void ring_exchange();
  void start_giving();                      // from now on the client is waited for: for the body,
  void start_taking();                      // to take the answer

  Session& session_;
  const std::int32_t id_;
  std::unique_ptr<http::Exchange> exchange_;

  // Request. `pending_` collects the head until it is complete.
  http::Stream pending_;
  std::string authority_, scheme_, path_, cookie_;
  std::size_t head_size_ = 0;
  std::uint32_t field_count_ = 0;     // all of them
  std::uint32_t counted_fields_ = 0;  // as limits.header_count has it
  const base::ReasonRow* refusal_ = nullptr;  // found while the fields came
  bool head_complete_ = false;
  bool expects_continue_ = false;
  bool discarding_ = false;
  bool has_trailers_ = false;
  State state_ = State::open;
  std::optional<std::uint64_t> declared_;
  std::uint64_t received_ = 0;
  std::uint64_t discarded_ = 0;
  std::uint64_t limit_ = UINT64_MAX;
  net::Buffer in_;
  struct Trailers : http::Head {} trailers_;
  base::Error error_;
  base::TimePoint last_received_{};
  http::Pace giving_;
  std::uint64_t connection_gave_ = 0;  // what all streams had received when the window began

  // Answer.
  net::Buffer out_;
  bool head_request_ = false;
  bool no_body_ = false;         // END_STREAM went with the head
  bool ended_ = false;           // end() or abort() was called
  bool aborted_ = false;
  bool finished_ = false;        // END_STREAM was handed to the connection
  bool no_answer_left_ = false;  // and written to the socket
  bool closed_ = false;          // nghttp2 is done with it
  bool given_up_ = false;        // reset for want of memory
  bool deferred_ = false;        // nghttp2 waits for resume_data
  bool gone_ = false;            // nothing more can be delivered
  bool send_trailers_ = false;
  std::optional<std::uint64_t> answer_length_;
  std::uint64_t given_ = 0;      // body bytes given by the exchange
  std::uint64_t body_bytes_ = 0;
  std::uint64_t total_bytes_ = 0;
  std::vector<std::pair<std::string, std::string>> answer_trailers_;
  base::TimePoint last_sent_{};
  http::Pace taking_;
  std::uint64_t connection_took_ = 0;
};

}  // namespace http2
