// SPDX-License-Identifier: BSD-2-Clause
#include "http2/session.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "http/engine_reasons.h"
#include "http2/callbacks.h"
#include "http2/reasons.h"
#include "http2/request.h"

namespace http2 {

namespace {
constexpr std::size_t read_budget = 64 * 1024;  // bytes a turn
constexpr std::size_t write_budget = 256 * 1024;
// A round trip is awaited by PING, but no longer than this.
constexpr base::Duration goaway_patience = std::chrono::seconds(1);
// Frames that wait to be sent: all streams' heads, resets and window updates are fewer.
constexpr std::size_t max_outbound_frames = 2000;

std::int64_t milliseconds(base::Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); }
}  // namespace

http::Http2Factory session_factory() {
  return [](net::EventLoop& loop, http::ClientConnections& connections, std::unique_ptr<net::Transport> transport, net::Buffer already_read,
            http::ConnectionInfo info) -> std::unique_ptr<http::ClientConnection> {
    return std::make_unique<Session>(loop, connections, std::move(transport), std::move(already_read), std::move(info));
  };
}

Session::Session(net::EventLoop& loop, http::ClientConnections& connections, std::unique_ptr<net::Transport> transport, net::Buffer already_read,
                 http::ConnectionInfo info)
    : http::ClientConnection(loop, connections), connections_(connections), transport_(std::move(transport)), info_(std::move(info)),
      guard_(now(), options().head.bytes, options().head.fields), in_(std::move(already_read)) {
  transport_->attach(*this);
  last_activity_ = now();
  ring();
}

Session::~Session() {
  for (auto& [id, stream] : streams_) CHECK_MSG(!stream->exchange_, "a session ends before its exchanges");
  nghttp2_session_del(nghttp2_);
}

void Session::start() {
  started_ = true;
  nghttp2_ = make_nghttp2(*this, guard_.continuations());
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, max_streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(options().head.bytes)},
  };
  nghttp2_submit_settings(nghttp2_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(nghttp2_, NGHTTP2_FLAG_NONE, 0, connection_window);
}

net::Task::Step Session::run() {
  if (!started_) start();
  if (!lost_ && !receive()) lose();
  if (!lost_) {
    open_streams();
    check_timeouts();
    if (!lost_ && !send()) lose();
    if (!lost_ && guard_.verdict()) calm();
  }
  for (const std::int32_t id : std::exchange(unused_, {})) forget(id);
  if (lost_ && !streams_.empty()) return Step::wait;
  if (lost_) return lingering_ ? linger() : Step::closed;
  const bool over = nghttp2_session_want_read(nghttp2_) == 0 && nghttp2_session_want_write(nghttp2_) == 0 && out_.empty();
  if (over || (draining_ && streams_.empty() && out_.empty() && nghttp2_session_want_write(nghttp2_) == 0)) {
    linger_from_now();
    return streams_.empty() ? linger() : Step::wait;
  }
  update_deadline();
  note_waiting();
  const bool more = transport_->readable();
  return more ? Step::again : Step::wait;
}

// Reads what one turn allows and feeds it to nghttp2.
bool Session::receive() {
  if (!in_.empty() && !feed()) return false;
  if (lost_) return true;
  std::size_t budget = read_budget;
  while (budget > 0) {
    const net::IoResult got = transport_->read(in_, budget);
    if (got.state == net::IoState::failed) return false;
    if (!in_.empty() && !feed()) return false;
    if (lost_) return true;
    if (got.state == net::IoState::eof) return false;
    if (got.state == net::IoState::blocked && !transport_->look_again()) break;
    budget -= std::min(budget, got.bytes);
  }
  return true;
}

bool Session::feed() {
  while (!in_.empty()) {
    const std::string_view bytes = in_.front();
    const std::size_t admitted = guard_.admit(bytes, now());
    const ssize_t used = nghttp2_session_mem_recv(nghttp2_, reinterpret_cast<const std::uint8_t*>(bytes.data()), admitted);
    if (used == NGHTTP2_ERR_FLOODED || nghttp2_session_get_outbound_queue_size(nghttp2_) > max_outbound_frames)
      guard_.reject(reasons::not_reading, max_outbound_frames);
    if (guard_.verdict()) {
      calm();
      return true;
    }
    if (used < 0) {  // no HTTP/2 (bad preface): say goodbye if that is possible
      send();
      return false;
    }
    in_.consume(static_cast<std::size_t>(used));
  }
  return true;
}

void Session::open_streams() {
  for (const std::int32_t id : std::exchange(complete_heads_, {}))
    if (Stream* stream = find(id); stream && !stream->closed_) open(*stream);
}

void Session::open(Stream& stream) {
  if (auto complete = complete_head(stream, options().head); !complete) return answer_refused(stream, complete.error());
  stream.set_limit(options().body_size);
  http::Stream opened = std::move(stream.pending_);
  stream.pending_ = {};
  stream.pending_.te_trailers = opened.te_trailers;
  opened.body = &stream;
  opened.sink = &stream;
  opened.connection = &info_;
  opened.protocol = http::Protocol::http2;
  opened.began_wall = loop().clock().wall();
  stream.start_giving();
  stream.exchange_ = connections_.service().open(*this, std::move(opened));
  ++info_.requests;
  stream.ring_exchange();
}

// The request never becomes an exchange: answered here, logged by the service.
void Session::answer_refused(Stream& stream, const base::Error& error) {
  http::ResponseHead head;
  std::string body;
  connections_.service().error_answer(error, head, body);
  if (head.status() == 405 || error.reason.is(http::reasons::options_answered))
    head.set(http::Token::allow, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  const std::string line = std::string(stream.pending_.head.method_name()) + " " + stream.path_ + " HTTP/2.0";
  const base::TimePoint began = stream.pending_.began;
  const int status = head.status();
  net::Buffer bytes;
  bytes.append(body);
  stream.discard();
  stream.head_request_ = stream.pending_.head.method() == http::Method::head;
  stream.head(std::move(head), body.size());
  stream.data(bytes, SIZE_MAX);
  if (stream.no_body_) stream.ended_ = true;
  else stream.end(nullptr);
  ++info_.requests;
  connections_.service().rejected({&info_, error, line, status, body.size(), began});
}

// Collects what nghttp2 has to say until one write is worth it.
bool Session::gather() {
  while (out_.size() < gather_bytes) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t n = nghttp2_session_mem_send(nghttp2_, &bytes);
    if (n < 0) return false;
    if (n == 0) break;
    out_.append({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(n)});
    queued_ += static_cast<std::size_t>(n);
  }
  return true;
}

bool Session::send() {
  std::size_t budget = write_budget;
  for (;;) {
    if (!gather()) return false;
    if (out_.empty()) break;
    const net::IoResult sent = transport_->write(out_);
    if (sent.state == net::IoState::failed) return false;
    sent_ += sent.bytes;
    writing_.add(sent.bytes);
    settle();
    if (sent.state == net::IoState::blocked || sent.state == net::IoState::eof) {
      if (sent.bytes > 0 || write_blocked_since_ == base::TimePoint::max()) write_blocked_since_ = now();
      writing_.resume(now());
      return true;
    }
    budget -= std::min(budget, sent.bytes);
    if (budget == 0) {
      ring();
      break;
    }
  }
  write_blocked_since_ = base::TimePoint::max();
  writing_.rest(now());
  return true;
}

void Session::settle() {
  while (!finishing_.empty() && finishing_.front().second <= sent_) {
    if (Stream* stream = find(finishing_.front().first)) {
      stream->no_answer_left_ = true;
      stream->ring_exchange();
    }
    finishing_.pop_front();
  }
}

void Session::ring_bodies() {
  for (auto& [id, stream] : streams_)
    if (!stream->in_.empty()) stream->ring_exchange();
}

void Session::lose() {
  if (lost_) return;
  lost_ = true;
  clear_deadline();
  out_.clear();
  in_.clear();
  std::vector<std::int32_t> unused;
  for (auto& [id, stream] : streams_) {
    stream->gone_ = stream->gone_ || !stream->no_answer_left_;
    stream->closed_ = true;
    if (stream->state_ == http::RequestBody::State::open) stream->fail(base::Error{{&http::reasons::client_left}, base::Side::client, false, 0});
    stream->ring_exchange();
    if (!stream->exchange_) unused.push_back(id);
  }
  for (const std::int32_t id : unused) forget(id);
}

// A flood is over at its first frame too many: whatever else came with it is dropped.
void Session::calm() {
  notice(guard_.verdict());
  nghttp2_session_terminate_session(nghttp2_, NGHTTP2_ENHANCE_YOUR_CALM);
  for (auto& [id, stream] : streams_) stream->drop_answer();
  send();
  linger_from_now();
}

void Session::linger_from_now() {
  transport_->shutdown_write();
  lose();
  lingering_ = true;
  set_deadline_after(options().linger_time);
}

// Streams that the client begins before it knows are served (RFC 9113 6.8).
void Session::drain() {
  if (leaving()) return;
  if (!started_) start();
  last_call_ = now() + goaway_patience;
  nghttp2_submit_shutdown_notice(nghttp2_);
  nghttp2_submit_ping(nghttp2_, NGHTTP2_FLAG_NONE, nullptr);
  ring();
}

void Session::pong() {
  if (leaving() && !draining_) final_goaway();
}

void Session::final_goaway() {
  draining_ = true;
  guard_.goaway_sent();
  nghttp2_submit_goaway(nghttp2_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(nghttp2_), NGHTTP2_NO_ERROR, nullptr, 0);
  ring();
}

// Closing with unread bytes would reset the connection, and with it the end of the last answer.
net::Task::Step Session::linger() {
  for (;;) {
    const net::IoResult got = transport_->read(in_, read_budget);
    lingered_ += got.bytes;
    in_.clear();
    if (got.state == net::IoState::blocked && !deadline_passed()) return Step::wait;
    if (got.state != net::IoState::done || lingered_ > options().linger_bytes) return Step::closed;
  }
}

void Session::shut() {
  if (!started_) start();
  lose();
  lingering_ = false;
  ring();
}

void Session::reap(net::Task& child) {
  auto& exchange = static_cast<http::Exchange&>(child);
  auto& stream = static_cast<Stream&>(*exchange.stream().sink);
  stream.exchange_.reset();
  if (!stream.ended_) stream.abort();
  if (stream.state_ == http::RequestBody::State::open && !stream.discarding_) stream.discard();
  if (stream.closed_) forget(stream.id_);
  ring();
}

Stream* Session::find(std::int32_t id) {
  if (last_found_ && last_found_->id_ == id) return last_found_;
  const auto found = streams_.find(id);
  if (found == streams_.end()) return nullptr;
  return last_found_ = found->second.get();
}

void Session::forget(std::int32_t id) {
  last_found_ = nullptr;
  if (Stream* stream = find(id)) stream->drop_answer();
  last_found_ = nullptr;
  streams_.erase(id);
  if (streams_.empty()) last_activity_ = now();
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

}  // namespace http2
