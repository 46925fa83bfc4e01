// SPDX-License-Identifier: BSD-2-Clause
// An HTTP/1.1 connection while an exchange runs on it: the request's body, the answer, a tunnel.
#include <algorithm>

#include "http/engine_reasons.h"
#include "http/http1_connection.h"
#include "net/memory_budget.h"

namespace http {
namespace {
constexpr std::size_t read_size = 64 * 1024;
}  // namespace

Http1Connection::Next Http1Connection::run_exchange() {
  Http1Stream& s = *stream_;
  if (s.tunnel_) read_tunnel();
  else if (s.body_state_ == RequestBody::State::open) read_body();
  notice_close();
  write_out();
  if (exchange_) return Next::wait;
  // The exchange is over. One that never answered was aborted.
  if (!s.ended_) s.abort();
  if (!out_.empty() && !s.gone_ && !s.aborted_) return Next::wait;
  finish_request();
  return Next::go_on;
}

void Http1Connection::read_body() {
  Http1Stream& s = *stream_;
  if (s.discarding_) return;
  while (s.body_state_ == RequestBody::State::open) {
    const std::size_t limit = net::window_under_pressure(options().request_buffer);
    if (s.body_.size() >= limit) {  // pull() rings
      // Whoever waits for more than may be held here must know that no more will come.
      if (!body_paused_) ring_exchange();
      body_paused_ = true;
      return;
    }
    if (body_paused_) start_body_pace();
    if (!in_.empty()) {
      const std::size_t before = s.body_.size();
      const auto done = s.decoder_.decode(in_, s.body_, limit - before);
      if (!done) return s.fail_body(done.error());
      if (s.decoder_.received() > s.limit_) return s.fail_body(reasons::client_body_too_large, static_cast<std::int64_t>(s.limit_));
      if (s.body_.size() > before) {
        if (s.expects_continue_) start_body_pace();
        s.expects_continue_ = false;  // it did not wait
        ring_exchange();
      }
      if (*done) {
        s.body_state_ = RequestBody::State::complete;
        ring_exchange();
        return;
      }
      if (s.body_.size() >= limit) continue;
    }
    const net::IoResult result = transport_->read(in_, std::min(read_size, limit));
    if (result.bytes > 0) {
      read_progress_ = now();
      body_pace_.add(result.bytes);
      continue;
    }
    if (result.state == net::IoState::blocked) {
      if (transport_->look_again()) continue;
      return;
    }
    s.fail_body(reasons::client_body_cut_short);
    if (result.state == net::IoState::failed) lose_client();
    else s.half_closed_ = true;
  }
}

void Http1Connection::read_tunnel() {
  Http1Stream& s = *stream_;
  while (s.body_state_ == RequestBody::State::open) {
    if (!in_.empty()) {
      s.tunnel_received_ += in_.size();
      s.body_.take(in_);
      ring_exchange();
    }
    if (s.body_.size() >= options().request_buffer) return;
    const net::IoResult result = transport_->read(in_, read_size);
    if (result.bytes > 0) {
      read_progress_ = now();
      continue;
    }
    if (result.state == net::IoState::blocked) {
      if (transport_->look_again()) continue;
      return;
    }
    if (result.state == net::IoState::failed) return lose_client();
    s.body_state_ = RequestBody::State::complete;  // half-close: the other direction goes on
    ring_exchange();
  }
}

// The request is here; only the connection's end is of interest. A FIN is a half-close, a reset means the client has left.
void Http1Connection::notice_close() {
  Http1Stream& s = *stream_;
  if (s.half_closed_ || s.gone_ || s.tunnel_) return;
  if (s.ended_ && out_.empty()) return;  // what comes now is of the next request, and looking for an end behind it would cost a system call
  if (s.body_state_ == RequestBody::State::open && !s.discarding_) return;  // read_body sees it
  const bool look = !looked_ && now() >= read_progress_ + look_after;
  if (look) looked_ = true;
  if (!transport_->peer_closed() && !(look && transport_->look_again())) return;
  while (in_.size() < read_size) {
    const net::IoResult result = transport_->read(in_, read_size);
    if (result.bytes > 0) continue;  // pipelined requests: they are answered before the FIN counts
    if (result.state == net::IoState::failed) return lose_client();
    if (result.state == net::IoState::eof && in_.empty()) {
      s.half_closed_ = true;
      s.close_ = true;
      ring_exchange();
    }
    return;
  }
}

void Http1Connection::write_out() {
  if (out_.empty()) {
    return;
  }
  bool progress = !owner_.waiting_for(*this);
  // Not where something may still come or a reset follows: close() would drop what is held back.
  const bool last = state_ == State::flush || (stream_->ended_ && !stream_->aborted_ && stream_->silent_);
  while (!out_.empty()) {
    const net::IoResult result = last ? transport_->write_last(out_) : transport_->write(out_);
    if (result.bytes > 0) {
      progress = true;
      write_progress_ = now();
      write_pace_.add(result.bytes);
    }
    if (result.state == net::IoState::failed) return lose_client();
    if (result.state != net::IoState::done) break;
  }
  if (out_.empty()) {
    write_pace_.rest(now());
    owner_.waits_no_more(*this);
  } else {
    write_pace_.resume(now());
    if (progress) owner_.waits_for(*this);
  }
  if (!stream_) return;
  if (stream_->full_ && Http1Stream::window_used(out_) <= net::window_under_pressure(options().response_buffer) / 2) {
    stream_->full_ = false;
    ring_exchange();
  }
  if (out_.empty() && stream_->ended_) ring_exchange();  // settled
}

void Http1Connection::lose_client() {
  out_.clear();
  owner_.waits_no_more(*this);
  if (!stream_ || state_ == State::flush) {
    state_ = State::closing;
    return;
  }
  stream_->gone_ = true;
  stream_->close_ = true;
  ring_exchange();
}

void Http1Connection::finish_request() {
  Http1Stream& s = *stream_;
  const bool body_left = s.body_state_ != RequestBody::State::complete;
  const bool gone = s.gone_ && !s.ended_;
  const bool close = s.close_ || s.gone_ || s.aborted_ || body_left;
  if (s.reset_) transport_->reset_on_close();
  const bool aborted = s.aborted_;
  owner_.give_back(std::move(stream_));
  if (aborted) {
    transport_->write(out_);  // what was answered before the cut
    out_.clear();
    state_ = State::closing;
  } else if (gone) {
    state_ = State::closing;
  } else if (close) {
    if (out_.empty()) end_connection(body_left);
    else state_ = State::flush;
  } else {
    read_progress_ = now();
    if (draining()) stay_a_moment();
    // Connections are idle for most of their lives, and many.
    if (in_.empty()) in_ = net::Buffer();
    out_ = net::Buffer();
    state_ = State::idle;
  }
}

}  // namespace http
