// SPDX-License-Identifier: BSD-2-Clause
#include "http/http1_connection.h"

#include <algorithm>
#include <cerrno>

#include "base/check.h"
#include "http/dates.h"
#include "http/engine_reasons.h"
#include "http/fields.h"
#include "http/http1_writer.h"
#include "http/reasons.h"

namespace http {
namespace {
constexpr std::size_t read_size = 64 * 1024;
constexpr base::Duration idle_while_draining = std::chrono::seconds(1);

std::int64_t milliseconds(base::Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); }

// The first line of what arrived, for the log.
std::string_view first_line(const net::Buffer& in) {
  const std::string_view bytes = in.front().substr(0, 1024);
  return bytes.substr(0, bytes.find_first_of("\r\n"));
}
}  // namespace

Http1Connection::Http1Connection(net::EventLoop& loop, ClientConnections& owner, std::unique_ptr<net::Transport> transport,
                                 net::Buffer already_read, ConnectionInfo info)
    : ClientConnection(loop, owner), owner_(owner), transport_(std::move(transport)), info_(std::move(info)), in_(std::move(already_read)) {
  transport_->attach(*this);
  read_progress_ = write_progress_ = now();
  ring();
}

Http1Connection::~Http1Connection() { CHECK_MSG(!exchange_, "a connection destroyed under its exchange"); }

// A request may be under way on a connection that looks idle, and who was promised more requests may send one: an idle connection
// stays a moment, and what comes is answered with Connection: close.
void Http1Connection::stay_a_moment() { leaves_ = now() + idle_while_draining; }

void Http1Connection::drain() {
  if (draining()) return;
  stay_a_moment();
  ring();
}

void Http1Connection::shut() {
  if (stream_) {
    stream_->gone_ = true;
    ring_exchange();
  }
  state_ = State::closing;
  ring();
}

void Http1Connection::reap(net::Task& child) {
  CHECK(exchange_.get() == &child);
  exchange_.reset();
  ring();
}

net::Task::Step Http1Connection::run() {
  if (state_ != State::idle && state_ != State::exchange && overdue()) on_timeout();
  for (;;) {
    Next next = Next::wait;
    switch (state_) {
      case State::idle: next = run_idle(); break;
      case State::head: next = run_head(); break;
      case State::exchange: next = run_exchange(); break;
      case State::flush: next = run_flush(); break;
      case State::linger: next = run_linger(); break;
      case State::closing:
        if (exchange_) return Step::wait;  // its reaping rings
        return Step::closed;
    }
    if (next == Next::again) return Step::again;
    if (next == Next::wait) break;
  }
  if (state_ == State::closing) return exchange_ ? Step::wait : Step::closed;
  // Only now: what came, or was taken, while the worker was busy counts.
  if (state_ == State::exchange && overdue()) {
    on_exchange_timeout();
    ring();
  }
  set_deadline(due());
  return Step::wait;
}

// When patience ends, as things are now.
base::TimePoint Http1Connection::due() const {
  const auto& o = options();
  switch (state_) {
    case State::idle: return std::min(read_progress_ + o.idle_timeout, leaves_);
    case State::head: return began_ + o.header_timeout;
    case State::flush: return write_due();
    case State::linger: return deadline();  // set on entering
    case State::closing: return base::TimePoint::max();
    case State::exchange: break;
  }
  base::TimePoint when = base::TimePoint::max();
  if (stream_->gone_) return when;
  if (!out_.empty()) when = write_due();
  if (stream_->tunnel_) {
    when = std::min(when, std::max(read_progress_, write_progress_) + o.tunnel_timeout);
  } else if (stream_->body_state_ == RequestBody::State::complete) {
    if (!looked_ && !stream_->half_closed_ && !stream_->gone_ && out_.empty()) when = std::min(when, read_progress_ + look_after);
  } else if (stream_->body_state_ == RequestBody::State::open && !stream_->expects_continue_ && !stream_->discarding_ && !body_paused_) {
    when = std::min({when, read_progress_ + o.body_timeout, body_pace_.due(o.body_timeout, o.min_body_rate)});
  }
  return when;
}

base::TimePoint Http1Connection::write_due() const {
  const auto& o = options();
  const bool tunnel = stream_ && stream_->tunnel_;
  return std::min(write_progress_ + o.write_timeout, tunnel ? base::TimePoint::max() : write_pace_.due(o.write_timeout, o.min_write_rate));
}

void Http1Connection::notice(const base::ReasonRow& row, base::Duration limit) {
  owner_.service().noticed({&row, milliseconds(limit), 0, {}}, info_);
}

void Http1Connection::on_timeout() {
  const auto& o = options();
  switch (state_) {
    case State::idle:
      if (now() >= leaves_) transport_->shutdown_write();
      else notice(reasons::client_idle_timeout, o.idle_timeout);
      state_ = State::closing;
      return;
    case State::head:
      notice(reasons::client_header_timeout, o.header_timeout);
      reject({{&reasons::client_header_timeout, milliseconds(o.header_timeout), 0, {}}, base::Side::client, false, 0});
      return;
    case State::flush:
      if (writes_too_slowly()) state_ = State::closing;
      return;
    case State::linger: state_ = State::closing; return;
    case State::exchange:
    case State::closing: return;
  }
}

void Http1Connection::on_exchange_timeout() {
  const auto& o = options();
  if (!out_.empty() && now() >= write_due()) {
    if (!writes_too_slowly()) return;
    transport_->reset_on_close();
    lose_client();
  } else if (stream_->tunnel_) {
    notice(reasons::client_tunnel_timeout, o.tunnel_timeout);
    lose_client();
  } else if (stream_->body_state_ == RequestBody::State::open) {
    if (now() >= read_progress_ + o.body_timeout) {
      notice(reasons::client_body_timeout, o.body_timeout);
      stream_->fail_body(reasons::client_body_timeout, milliseconds(o.body_timeout));
    } else if (body_pace_.slow(o.body_timeout, o.min_body_rate)) {
      const base::Reason why{&reasons::client_slow_body, static_cast<std::int64_t>(body_pace_.bytes()), milliseconds(o.body_timeout), {}};
      owner_.service().noticed(why, info_);
      stream_->fail_body(base::Error{why, base::Side::client, false, 0});
    } else {
      body_pace_.start(now());
    }
  }
}

// At write_due(): told where that is too slow, else the next window begins.
bool Http1Connection::writes_too_slowly() {
  const auto& o = options();
  if (now() >= write_progress_ + o.write_timeout) {
    notice(reasons::client_write_timeout, o.write_timeout);
    return true;
  }
  if (write_pace_.slow(o.write_timeout, o.min_write_rate)) {
    owner_.service().noticed({&reasons::client_slow_reader, static_cast<std::int64_t>(write_pace_.bytes()), milliseconds(o.write_timeout), {}}, info_);
    return true;
  }
  write_pace_.start(now());
  return false;
}

ClientConnection::Shed Http1Connection::shed(base::TimePoint since) {
  if (out_.empty() || write_progress_ > since) return {};
  // The exchange holds about as much for its own side of the relay.
  const Shed given{1, 2 * out_.owned() + 4096};
  notice(reasons::client_shed, now() - write_progress_);
  transport_->reset_on_close();
  lose_client();
  ring();
  return given;
}

// From now on the client is waited for.
void Http1Connection::start_body_pace() {
  read_progress_ = now();
  body_pace_.start(now());
  body_paused_ = false;
}

// --- reading requests ---

Http1Connection::Next Http1Connection::run_idle() {
  if (in_.empty()) {
    const net::IoResult result = transport_->read(in_, read_size);
    if (result.state == net::IoState::eof || result.state == net::IoState::failed) {
      state_ = State::closing;
      return Next::wait;
    }
    // Only now: a worker that was busy for long finds a request and its end of patience at once.
    if (in_.empty() && overdue()) on_timeout();
    if (in_.empty()) return Next::wait;
  }
  began_ = read_progress_ = now();
  began_wall_ = loop().clock().wall();
  stream_ = owner_.take_stream();
  stream_->start_on(*this);
  state_ = State::head;
  return Next::go_on;
}

Http1Connection::Next Http1Connection::run_head() {
  const HeadLimits& limits = options().head;
  for (;;) {
    RequestHead head;
    const std::size_t look = std::min(in_.size(), limits.bytes + 8);
    const std::string_view seen = in_.pull_up(look);
    const auto size = stream_->parser_.parse(seen, limits, head);
    if (!size) {
      reject(size.error());
      return Next::go_on;
    }
    if (*size > 0) {
      open_exchange(std::move(head), *size);
      return Next::go_on;
    }
    // Without memory for all that is here, more bytes would not help.
    const net::IoResult result = seen.size() < look ? net::IoResult{net::IoState::failed, 0, ENOMEM} : transport_->read(in_, read_size);
    if (result.state == net::IoState::done || (result.state == net::IoState::blocked && transport_->look_again())) continue;
    if (result.state == net::IoState::blocked) return Next::wait;
    // Nobody waits for an answer to half a head.
    owner_.give_back(std::move(stream_));
    state_ = State::closing;
    return Next::wait;
  }
}

// Answered by whoever the client talks to (RFC 9110 9.3.7, 9.3.8, 7.6.2): true if that was the case.
bool Http1Connection::answer_here(const RequestHead& head) {
  const Method method = head.method();
  const bool last_hop = head.get(Token::max_forwards) == "0";
  if (method == Method::connect || method == Method::trace) {
    reject({{&reasons::method_not_allowed, 0, 0, {}}, base::Side::client, false, 0});
    return true;
  }
  if (method == Method::options && (head.target() == "*" || last_hop)) {
    reject({{&reasons::options_answered, 0, 0, {}}, base::Side::client, false, 0});
    return true;
  }
  return false;
}

void Http1Connection::open_exchange(RequestHead head, std::size_t size) {
  Http1Stream& s = *stream_;
  if (answer_here(head)) return;
  in_.consume(size);
  s.http10_ = head.minor_version() == 0;
  // HTTP/1.0 without Host gets the default site; what goes on is HTTP/1.1 and needs one (RFC 9112 3.2, 3.3).
  if (!head.has(Token::host)) head.add(Token::host, "localhost");
  s.close_ = s.parser_.close();
  s.method_ = head.method();
  s.decoder_.start(s.parser_.framing(), options().body);
  s.body_state_ = s.decoder_.complete() ? RequestBody::State::complete : RequestBody::State::open;
  s.silent_ = s.close_ && s.body_state_ == RequestBody::State::complete;
  s.expects_continue_ = s.parser_.expect_continue() && s.body_state_ == RequestBody::State::open && !s.http10_;
  s.te_trailers_ = has_token(head, Token::te, "trailers");
  start_body_pace();
  looked_ = false;

  Stream stream;
  stream.head = std::move(head);
  stream.body = &s;
  stream.sink = &s;
  stream.connection = &info_;
  stream.protocol = s.http10_ ? Protocol::http1_0 : Protocol::http1_1;
  stream.upgrade_websocket = s.parser_.upgrade_websocket();
  stream.te_trailers = s.te_trailers_;
  stream.began = began_;
  stream.parsed = now();
  stream.began_wall = began_wall_;
  stream.head_bytes = size;
  s.set_limit(options().body_size);
  state_ = State::exchange;
  exchange_ = owner_.service().open(*this, std::move(stream));
  ++info_.requests;
  exchange_->ring();
}

void Http1Connection::reject(const base::Error& error) {
  const int status = error.reason.row->status;
  Rejected what{&info_, error, first_line(in_), status, 0, began_};
  if (status >= 600 || status == 0 || status == 499 || stream_ == nullptr) {
    what.status = 0;
    owner_.service().rejected(what);
    if (stream_) owner_.give_back(std::move(stream_));
    state_ = State::closing;
    return;
  }
  ResponseHead head;
  std::string body;
  owner_.service().error_answer(error, head, body);
  if (status == 405 || error.reason.is(reasons::options_answered)) head.set(Token::allow, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  if (!head.has(Token::date)) head.add(Token::date, http_date(loop().clock()));
  if (out_.empty()) write_progress_ = now();
  const std::size_t before = out_.size();
  write_response_head(out_, head, {Framing::Kind::length, body.size()}, ConnectionField::close);
  out_.append(body);
  what.bytes_sent = out_.size() - before;
  owner_.service().rejected(what);
  owner_.give_back(std::move(stream_));
  state_ = State::flush;
}

// --- the end ---

Http1Connection::Next Http1Connection::run_flush() {
  write_out();
  if (state_ == State::closing || !out_.empty()) return Next::wait;
  end_connection(true);
  return Next::go_on;
}

// Closing with unread bytes would reset the connection and lose the answer (RFC 9112 9.6).
void Http1Connection::end_connection(bool unread) {
  if (unread || !in_.empty() || transport_->readable()) {
    transport_->shutdown_write();
    in_.clear();
    lingered_ = 0;
    set_deadline_after(options().linger_time);
    state_ = State::linger;
    return;
  }
  transport_->shutdown_write();
  state_ = State::closing;
}

Http1Connection::Next Http1Connection::run_linger() {
  for (;;) {
    const net::IoResult result = transport_->read(in_, read_size);
    lingered_ += result.bytes;
    in_.clear();
    if (result.state == net::IoState::blocked && transport_->look_again()) continue;
    if (result.state == net::IoState::blocked) return Next::wait;
    if (result.state != net::IoState::done || lingered_ > options().linger_bytes) {
      state_ = State::closing;
      return Next::wait;
    }
  }
}

}  // namespace http
