// SPDX-License-Identifier: BSD-2-Clause
// How long a session waits for its client, how slow that may be, and what it gives up when memory is short.
#include <algorithm>

#include "http/engine_reasons.h"
#include "http2/session.h"

namespace http2 {
namespace {
std::int64_t milliseconds(base::Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); }
}  // namespace

void Session::notice(const base::ReasonRow& row, base::Duration limit) {
  connections_.service().noticed({&row, milliseconds(limit), 0, {}}, info_);
}

// Rung by the deadline or by chance: what has waited too long ends.
void Session::check_timeouts() {
  if (!deadline_passed()) return;
  const http::ServerOptions& limits = options();
  const base::TimePoint time = now();
  if (write_blocked_since_ != base::TimePoint::max() && takes_too_slowly(time)) {
    transport_->reset_on_close();
    return lose();
  }
  if (!draining_ && time >= last_call_) final_goaway();
  if (!leaving() && streams_.empty() && time - last_activity_ >= limits.idle_timeout) {
    notice(http::reasons::client_idle_timeout, limits.idle_timeout);
    return drain();
  }
  note_window();
  for (auto& [id, stream] : streams_)
    if (!stream->closed_) check_stream(*stream, time);
}

// The connection's transport is full: whether its client takes too little.
bool Session::takes_too_slowly(base::TimePoint time) {
  const http::ServerOptions& limits = options();
  if (time - write_blocked_since_ >= limits.write_timeout) {
    notice(http::reasons::client_write_timeout, limits.write_timeout);
    return true;
  }
  if (time < writing_.due(limits.write_timeout, limits.min_write_rate)) return false;
  const bool slow = writing_.slow(limits.write_timeout, limits.min_write_rate);
  if (slow) notice({&http::reasons::client_slow_reader, static_cast<std::int64_t>(writing_.bytes()), milliseconds(limits.write_timeout), {}});
  else writing_.start(time);
  return slow;
}

void Session::check_stream(Stream& stream, base::TimePoint time) {
  const http::ServerOptions& limits = options();
  if (!stream.head_complete_) {
    if (time - stream.pending_.began < limits.header_timeout) return;
    notice(http::reasons::client_header_timeout, limits.header_timeout);
    nghttp2_submit_rst_stream(nghttp2_, NGHTTP2_FLAG_NONE, stream.id_, NGHTTP2_CANCEL);
    return;
  }
  if (stream.state_ == http::RequestBody::State::open && !stream.expects_continue_) check_body(stream, time);
  if (!stream.out_.empty()) check_reader(stream, time);
}

void Session::check_body(Stream& stream, base::TimePoint time) {
  const http::ServerOptions& limits = options();
  // Bytes that the exchange leaves lying mean that it is our side that is slow, unless its window is open.
  if (stream.in_.size() >= stream_window / 2) return;
  // What others of them do not pull kept all of them waiting.
  if (full_until_ >= std::min(stream.last_received_, stream.giving_.since())) return stream.start_giving();
  base::Reason why;
  if (time - stream.last_received_ >= limits.body_timeout) {
    why = {&http::reasons::client_body_timeout, milliseconds(limits.body_timeout), 0, {}};
  } else {
    if (time < stream.giving_.due(limits.body_timeout, limits.min_body_rate)) return;
    // Streams share the client's link.
    http::Pace all;
    all.add(data_received_ - stream.connection_gave_);
    if (!all.slow(limits.body_timeout, limits.min_body_rate)) {
      stream.giving_.start(time);
      stream.connection_gave_ = data_received_;
      return;
    }
    why = {&http::reasons::client_slow_body, static_cast<std::int64_t>(stream.giving_.bytes()), milliseconds(limits.body_timeout), {}};
  }
  notice(why);
  stream.fail(base::Error{why, base::Side::client, false, 0});
}

// An answer waits: for its own window, which is this stream's reader; for the connection's, which all readers share; or for others'
// turns on a slow link, for which the whole connection is judged.
void Session::check_reader(Stream& stream, base::TimePoint time) {
  const http::ServerOptions& limits = options();
  const bool silent = time - stream.last_sent_ >= limits.write_timeout;
  if (!silent && time < stream.taking_.due(limits.write_timeout, limits.min_write_rate)) return;
  http::Pace all;
  all.add(data_sent_ - stream.connection_took_);
  // A full transport says that the link is slow, or the client as a whole: takes_too_slowly() watches that.
  const bool full = write_blocked_since_ != base::TimePoint::max();
  const bool own = nghttp2_session_get_stream_remote_window_size(nghttp2_, stream.id_) <= 0;
  const bool shared = nghttp2_session_get_remote_window_size(nghttp2_) <= 0;
  const bool own_slow = silent || stream.taking_.slow(limits.write_timeout, limits.min_write_rate);
  const bool all_slow = all.bytes() == 0 || all.slow(limits.write_timeout, limits.min_write_rate);
  if (!full && own_slow && (own || (shared && all_slow))) {
    if (silent) notice(http::reasons::client_write_timeout, limits.write_timeout);
    else notice({&http::reasons::client_slow_reader, static_cast<std::int64_t>(stream.taking_.bytes()), milliseconds(limits.write_timeout), {}});
    nghttp2_submit_rst_stream(nghttp2_, NGHTTP2_FLAG_NONE, stream.id_, NGHTTP2_CANCEL);
  }
  stream.start_taking();
}

// The session has one deadline; it is looked at when it passes, so it only has to be early enough.
void Session::update_deadline() {
  const http::ServerOptions& limits = options();
  // On its way out it only has to get rid of its last bytes.
  base::TimePoint when = leaving() ? base::TimePoint::max() : last_activity_ + limits.idle_timeout;
  if (write_blocked_since_ != base::TimePoint::max())
    when = std::min({when, write_blocked_since_ + limits.write_timeout, writing_.due(limits.write_timeout, limits.min_write_rate)});
  if (!streams_.empty()) when = now() + std::min({limits.header_timeout, limits.body_timeout, limits.write_timeout});
  if (!draining_) when = std::min(when, last_call_);
  if (when == base::TimePoint::max()) return clear_deadline();
  if (deadline_passed() || deadline() > when || streams_.empty()) set_deadline(std::max(when, now() + std::chrono::milliseconds(1)));
}

// A turn of its own for every connection: a stream that flows says nothing of the others, so progress does not put it behind them.
void Session::note_waiting() {
  if (held_ == 0 && out_.empty()) connections_.waits_no_more(*this);
  else if (!connections_.waiting_for(*this)) connections_.waits_for(*this);
}

http::ClientConnection::Shed Session::shed(base::TimePoint since) {
  Shed given;
  if (lost_) return given;
  ring();
  if (write_blocked_since_ <= since) {
    given = {1, held_ * 2 + out_.owned() + 4096};
    notice(http::reasons::client_shed, now() - write_blocked_since_);
    transport_->reset_on_close();
    lose();
    return given;
  }
  for (auto& [id, stream] : streams_) {
    if (stream->closed_ || stream->given_up_ || stream->out_.empty() || stream->last_sent_ > since) continue;
    if (nghttp2_session_get_stream_remote_window_size(nghttp2_, id) > 0 && nghttp2_session_get_remote_window_size(nghttp2_) > 0) continue;
    stream->given_up_ = true;
    ++given.readers;
    given.bytes += 2 * stream->out_.owned() + 4096;
    notice(http::reasons::client_shed, now() - stream->last_sent_);
    nghttp2_submit_rst_stream(nghttp2_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
  }
  return given;
}

}  // namespace http2
