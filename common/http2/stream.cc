// SPDX-License-Identifier: BSD-2-Clause
#include "http2/stream.h"

#include "base/bytes.h"
#include "base/check.h"
#include "http/engine_reasons.h"
#include "http2/answer.h"
#include "http2/session.h"
#include "net/memory_budget.h"

namespace http2 {

void Stream::ring_exchange() {
  if (exchange_) exchange_->ring();
}

// --- request body ------------------------------------------------------------------------------------------------

void Stream::start() {
  if (!expects_continue_ || committed_ || gone_) return;
  expects_continue_ = false;
  start_giving();
  informational(http::ResponseHead(100));
}

void Stream::start_giving() {
  last_received_ = session_.time();
  giving_.start(session_.time());
  connection_gave_ = session_.data_received_;
}

void Stream::start_taking() {
  last_sent_ = session_.time();
  taking_.start(session_.time());
  connection_took_ = session_.data_sent_;
}

bool Stream::stalled() const { return session_.window_full(); }

void Stream::pull(net::Buffer& into, std::size_t max) {
  const std::size_t n = std::min(max, in_.size());
  if (n == 0) return;
  if (in_.size() >= stream_window / 2) start_giving();
  session_.note_window();
  into.take(in_, n);
  session_.buffered_ -= n;
  last_received_ = session_.time();
  nghttp2_session_consume(session_.nghttp2_, id_, n);
  session_.ring();
}

void Stream::drop_body() {
  const std::size_t n = in_.size();
  if (n == 0) return;
  session_.note_window();
  in_.clear();
  session_.buffered_ -= n;
  discarded_ += n;
  // A stream that nghttp2 has closed still owes the connection its window.
  if (closed_ || nghttp2_session_consume(session_.nghttp2_, id_, n) != 0) nghttp2_session_consume_connection(session_.nghttp2_, n);
  session_.ring();
}

void Stream::drop_answer() {
  session_.held_ -= out_.size();
  out_.clear();
}

void Stream::discard() {
  if (discarding_) return;
  discarding_ = true;
  expects_continue_ = false;
  drop_body();
}

void Stream::set_limit(std::uint64_t bytes) {
  limit_ = bytes;
  if (declared_.value_or(0) > limit_ || received_ > limit_)
    fail(base::Error{{&http::reasons::client_body_too_large, static_cast<std::int64_t>(limit_)}, base::Side::client, false, 0});
}

void Stream::receive(std::string_view bytes) {
  received_ += bytes.size();
  session_.data_received_ += bytes.size();
  if (expects_continue_) start_giving();  // it did not wait
  giving_.add(bytes.size());
  expects_continue_ = false;
  last_received_ = session_.time();
  in_.append(bytes);
  session_.buffered_ += bytes.size();
  if (session_.window_full()) session_.ring_bodies();
  if (state_ == State::open && received_ > limit_)
    fail(base::Error{{&http::reasons::client_body_too_large, static_cast<std::int64_t>(limit_)}, base::Side::client, false, 0});
  // What nobody wants is dropped; beyond the lingering limit the window is not given back, so that the client stops.
  if (discarding_ || state_ == State::failed) {
    if (discarded_ < session_.options().linger_bytes) drop_body();
    return;
  }
  ring_exchange();
}

void Stream::request_complete() {
  if (state_ != State::open) return;
  state_ = State::complete;
  if (!declared_ && received_ == 0) declared_ = 0;
  ring_exchange();
}

void Stream::fail(base::Error error) {
  if (state_ == State::failed) return;
  state_ = State::failed;
  error_ = error;
  ring_exchange();
}

// --- answer --------------------------------------------------------------------------------------------------------

void Stream::informational(const http::ResponseHead& head) {
  if (committed_ || gone_ || ended_) return;
  AnswerFields fields(head);
  nghttp2_submit_headers(session_.nghttp2_, NGHTTP2_FLAG_NONE, id_, nullptr, fields.data(), fields.size(), nullptr);
  session_.ring();
}

void Stream::head(http::ResponseHead head, std::optional<std::uint64_t> length) {
  CHECK_MSG(!committed_, "two heads for one stream");
  committed_ = true;
  status_ = static_cast<std::uint16_t>(head.status());
  if (gone_ || ended_) return;
  const int status = head.status();
  if (status == 204 || status == 205) length.reset();
  no_body_ = head_request_ || status == 204 || status == 205 || status == 304 || (length && *length == 0);
  answer_length_ = no_body_ ? std::optional<std::uint64_t>(0) : length;
  if (!head.has(http::Token::date)) add_date(head, session_.loop_of().clock());
  AnswerFields fields(head, length);
  nghttp2_data_provider provider{};
  provider.read_callback = read_answer;
  if (nghttp2_submit_response(session_.nghttp2_, id_, fields.data(), fields.size(), no_body_ ? nullptr : &provider) != 0) {
    abort();
    return;
  }
  last_sent_ = session_.time();
  session_.ring();
}

std::size_t Stream::writable() const {
  const std::size_t limit = net::window_under_pressure(out_limit);
  if (gone_ || ended_ || out_.size() >= limit) return 0;
  return limit - out_.size();
}

void Stream::data(net::Buffer& from, std::size_t max) {
  const std::size_t n = std::min(max, from.size());
  if (gone_ || ended_ || no_body_) {
    net::Buffer dropped;
    dropped.take(from, n);
    return;
  }
  CHECK_MSG(committed_, "data before head");
  if (out_.empty()) {
    last_sent_ = session_.time();
    if (taking_.resume(last_sent_)) connection_took_ = session_.data_sent_;
  }
  given_ += n;
  session_.held_ += n;
  out_.take(from, n);
  if (deferred_) {
    deferred_ = false;
    nghttp2_session_resume_data(session_.nghttp2_, id_);
  }
  session_.ring();
}

void Stream::end(const http::Head* trailers) {
  if (ended_) return;
  if (!committed_ || (answer_length_ && given_ != *answer_length_)) return abort();
  ended_ = true;
  if (gone_ || no_body_) return;
  if (trailers && pending_.te_trailers && !trailers->fields().empty()) {
    send_trailers_ = true;
    for (const auto& field : trailers->fields())
      answer_trailers_.emplace_back(base::to_lower(trailers->name(field)), std::string(trailers->value(field)));
  }
  if (deferred_) {
    deferred_ = false;
    nghttp2_session_resume_data(session_.nghttp2_, id_);
  }
  session_.ring();
}

void Stream::abort() {
  if (ended_) return;
  ended_ = aborted_ = true;
  if (gone_) return;
  nghttp2_submit_rst_stream(session_.nghttp2_, NGHTTP2_FLAG_NONE, id_, NGHTTP2_INTERNAL_ERROR);
  session_.ring();
}

void Stream::switch_to_tunnel(http::ResponseHead) {
  // upgrade_websocket is never set for HTTP/2, so nobody may come here.
  CHECK_MSG(false, "a tunnel over HTTP/2 was not offered");
}

}  // namespace http2
