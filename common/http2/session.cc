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
  if (!nghttp2_) {
    out_of_memory_ = true;
    return;
  }
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
  if (out_of_memory_) lose();
  if (!lost_ && !receive()) lose();
  if (!lost_) {
    open_streams();
    check_timeouts();
    if (!lost_ && !send()) lose();
    if (!lost_ && guard_.verdict()) calm();
    if (out_of_memory_) lose();
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
  while (out_.size() < gather_limit()) {
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
  if (out_of_memory_) return ring();
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

}  // namespace http2
