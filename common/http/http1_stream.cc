// SPDX-License-Identifier: BSD-2-Clause
#include "http/http1_stream.h"

#include "base/check.h"
#include "http/dates.h"
#include "http/engine_reasons.h"
#include "http/http1_connection.h"
#include "http/http1_writer.h"
#include "net/memory_budget.h"

namespace http {

void Http1Stream::start_on(Http1Connection& connection) {
  connection_ = &connection;
  limit_ = connection.options().body_size;
}

void Http1Stream::clear() {
  net::Buffer body = std::move(body_), collected = std::move(collected_);
  body.clear();
  collected.clear();
  *this = Http1Stream{};
  body_ = std::move(body);
  collected_ = std::move(collected);
}

// --- RequestBody ---

std::optional<std::uint64_t> Http1Stream::length() const {
  switch (decoder_.framing().kind) {
    case Framing::Kind::none: return 0;
    case Framing::Kind::length: return decoder_.framing().length;
    default: return std::nullopt;
  }
}

void Http1Stream::start() {
  if (!expects_continue_) return;
  expects_continue_ = false;
  if (committed_ || gone_) return;
  connection_->out_.append("HTTP/1.1 100 Continue\r\n\r\n");
  connection_->start_body_pace();
  connection_->ring();
}

bool Http1Stream::stalled() const { return connection_->body_paused_; }

void Http1Stream::pull(net::Buffer& into, std::size_t max) {
  if (body_.empty()) return;
  into.take(body_, max);
  connection_->ring();  // reading may go on
}

void Http1Stream::discard() {
  discarding_ = true;
  body_.clear();
  connection_->ring();
}

const Head* Http1Stream::trailers() const {
  if (body_state_ != State::complete || tunnel_) return nullptr;
  const Head& trailers = const_cast<BodyDecoder&>(decoder_).trailers();
  return trailers.fields().empty() ? nullptr : &trailers;
}

void Http1Stream::set_limit(std::uint64_t bytes) {
  limit_ = bytes;
  const auto declared = length();
  if (body_state_ != State::failed && ((declared && *declared > limit_) || decoder_.received() > limit_))
    fail_body(reasons::client_body_too_large, static_cast<std::int64_t>(limit_));
}

void Http1Stream::fail_body(const base::ReasonRow& row, std::int64_t a) { fail_body(base::Error{{&row, a, 0, {}}, base::Side::client, false, 0}); }

void Http1Stream::fail_body(const base::Error& error) {
  if (body_state_ == State::failed) return;
  body_state_ = State::failed;
  body_error_ = error;
  close_ = true;  // where the next request begins is unknown
  if (connection_) connection_->ring_exchange();
}

// --- ResponseSink ---

void Http1Stream::informational(const ResponseHead& head) {
  if (http10_ || committed_ || gone_) return;
  if (head.status() == 100) expects_continue_ = false;
  const std::size_t before = connection_->out_.size();
  write_response_head(connection_->out_, head, {}, ConnectionField::none);
  total_bytes_ += connection_->out_.size() - before;
  connection_->ring();
}

void Http1Stream::head(ResponseHead head, std::optional<std::uint64_t> length) {
  CHECK_MSG(!committed_, "a second final head");
  committed_ = true;
  head_ = std::move(head);
  length_ = length;
  const int status = head_.status();
  status_ = static_cast<std::uint16_t>(status);
  bodiless_ = method_ == Method::head || status == 304 || status == 204 || status == 205;
  if (!head_.has(Token::date)) head_.add(Token::date, http_date(connection_->loop().clock()));
  // An answer before the request's end leaves bytes of it on the connection (RFC 9112 9.6).
  if (body_state_ != State::complete || connection_->draining()) close_ = true;
  if (bodiless_) {
    if (status == 204) length_.reset();
    if (status == 205) length_ = 0;
    write_head(length_ && status != 204 ? Framing{Framing::Kind::length, *length_} : Framing{});
  } else if (length_) {
    write_head({Framing::Kind::length, *length_});
  } else if (!http10_) {
    chunked_ = true;
    write_head({Framing::Kind::chunked, 0});
  } else {
    collecting_ = true;
  }
}

void Http1Stream::write_head(const Framing& framing) {
  ConnectionField connection = ConnectionField::none;
  if (framing.kind == Framing::Kind::until_close) close_ = true;
  if (close_) connection = ConnectionField::close;
  else if (http10_) connection = ConnectionField::keep_alive;
  const std::size_t before = connection_->out_.size();
  if (before == 0) connection_->write_progress_ = connection_->now();
  write_response_head(connection_->out_, head_, framing, connection);
  total_bytes_ += connection_->out_.size() - before;
  head_ = ResponseHead{};
  connection_->ring();
}

std::size_t Http1Stream::writable() const {
  if (gone_ || ended_ || (!committed_ && !tunnel_)) return 0;
  const auto& options = connection_->options();
  if (collecting_) return collected_.size() > options.collect_http10 ? 0 : options.collect_http10 - collected_.size() + 1;
  const std::size_t window = net::window_under_pressure(options.response_buffer);
  const std::size_t queued = window_used(connection_->out_);
  if (queued < window) return window - queued;
  full_ = true;  // the exchange waits: it is rung when half of this has gone
  return 0;
}

void Http1Stream::data(net::Buffer& from, std::size_t max) {
  const std::size_t size = std::min(max, from.size());
  if (size == 0) return;
  if (gone_ || ended_ || bodiless_) {
    from.consume(size);
    return;
  }
  if (length_ && !tunnel_ && body_bytes_ + size > *length_) {
    from.consume(size);
    abort();
    return;
  }
  if (collecting_) {
    collected_.take(from, size);
    if (collected_.size() > connection_->options().collect_http10) overflow_collected();
    return;
  }
  net::Buffer& out = connection_->out_;
  const std::size_t before = out.size();
  if (before == 0) connection_->write_progress_ = connection_->now();
  if (chunked_) write_chunk(out, from, size);
  else out.take(from, size);
  body_bytes_ += size;
  total_bytes_ += out.size() - before;
  connection_->ring();
}

void Http1Stream::copy(std::string_view bytes) {
  const bool plain = !gone_ && !ended_ && !bodiless_ && !collecting_ && !chunked_ && !tunnel_;
  if (!plain || !length_ || body_bytes_ + bytes.size() > *length_) return ResponseSink::copy(bytes);
  net::Buffer& out = connection_->out_;
  if (out.empty()) connection_->write_progress_ = connection_->now();
  out.append(bytes);
  body_bytes_ += bytes.size();
  total_bytes_ += bytes.size();
  connection_->ring();
}

// Too long to be collected: on TCP it is streamed, with a reset if it fails; on a Unix socket a cut looks like an end.
void Http1Stream::overflow_collected() {
  collecting_ = false;
  if (connection_->info_.peer->remote.is_unix() || connection_->info_.peer->local.is_unix()) {
    collected_.clear();
    base::Error error{{&reasons::client_answer_uncollectable, static_cast<std::int64_t>(connection_->options().collect_http10), 0, {}},
                      base::Side::internal, false, 0};
    std::string body;
    head_ = ResponseHead{};
    connection_->owner_.service().error_answer(error, head_, body);
    head_.set(Token::date, http_date(connection_->loop().clock()));
    length_ = body.size();
    close_ = true;
    write_head({Framing::Kind::length, body.size()});
    connection_->out_.append(body);
    total_bytes_ += body.size();
    ended_ = true;
    gone_ = true;  // nothing more of the exchange's answer can be delivered
    connection_->ring_exchange();
    return;
  }
  until_close_ = true;
  write_head({Framing::Kind::until_close, 0});
  net::Buffer all = std::move(collected_);
  data(all, SIZE_MAX);
}

void Http1Stream::end(const Head* trailers) {
  if (ended_) return;
  if (tunnel_) {
    ended_ = true;
    close_ = true;
    connection_->ring();
    return;
  }
  CHECK_MSG(committed_, "end before head");
  if (collecting_) {
    collecting_ = false;
    length_ = collected_.size();
    write_head({Framing::Kind::length, *length_});
    net::Buffer all = std::move(collected_);
    data(all, SIZE_MAX);
  }
  if (length_ && !bodiless_ && body_bytes_ != *length_) {
    abort();
    return;
  }
  ended_ = true;
  if (chunked_ && !gone_) {
    const std::size_t before = connection_->out_.size();
    write_last_chunk(connection_->out_, te_trailers_ ? trailers : nullptr);
    total_bytes_ += connection_->out_.size() - before;
  }
  connection_->ring();
}

void Http1Stream::abort() {
  if (aborted_) return;
  ended_ = aborted_ = close_ = true;
  // With a length or chunks the missing end shows; without, only a reset does.
  if (until_close_ || tunnel_) reset_ = true;
  collecting_ = false;
  collected_.clear();
  connection_->ring();
}

void Http1Stream::switch_to_tunnel(ResponseHead head) {
  CHECK_MSG(!committed_, "a tunnel after a final head");
  committed_ = tunnel_ = true;
  status_ = 101;
  body_state_ = State::open;
  close_ = true;
  if (connection_->out_.empty()) connection_->write_progress_ = connection_->now();
  const std::size_t before = connection_->out_.size();
  write_response_head(connection_->out_, head, {}, ConnectionField::upgrade_websocket);
  total_bytes_ += connection_->out_.size() - before;
  connection_->ring();
}

bool Http1Stream::settled() const { return ended_ && (gone_ || aborted_ || connection_->out_.empty()); }

}  // namespace http
