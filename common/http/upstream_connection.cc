// SPDX-License-Identifier: BSD-2-Clause
#include "http/upstream_connection.h"

#include <cerrno>

#include "base/check.h"
#include "http/engine_reasons.h"
#include "http/http1_writer.h"
#include "net/memory_budget.h"

namespace http {
namespace {
constexpr std::size_t read_size = 64 * 1024;
constexpr std::size_t answer_window = 128 * 1024;   // decoded bytes a lease may hold before reading pauses
constexpr std::size_t request_window = 64 * 1024;   // request bytes queued before the user is asked to wait
constexpr std::size_t run_budget = 512 * 1024;      // bytes a run() before others get their turn
constexpr int max_interims = 16;

std::int64_t milliseconds(base::Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); }
}  // namespace

UpstreamConnection::UpstreamConnection(net::EventLoop& loop, UpstreamPool& pool, std::shared_ptr<const Endpoint> endpoint)
    : Task(loop, pool), pool_(pool), endpoint_(std::move(endpoint)) {}

UpstreamConnection::~UpstreamConnection() {
  if (state_ == State::idle) pool_.left_idle(*this);
  if (lease_) lease_->connection_ = nullptr;
}

void UpstreamConnection::connect() {
  connect_began_ = now();
  auto transport = pool_.connector_(loop(), endpoint_->address);
  if (!transport) {
    const int system = transport.error().system;
    fail(system == ECONNREFUSED || system == ENOENT ? reasons::upstream_connect_refused : reasons::upstream_connect_failed, true, system);
    return;
  }
  transport_ = std::move(*transport);
  transport_->attach(*this);
  ring();
}

void UpstreamConnection::begin(Lease& lease, Method method, std::unique_ptr<SlotHold> slot) {
  CHECK(lease_ == nullptr);
  if (state_ == State::idle) {
    pool_.left_idle(*this);
    state_ = State::head;
    lease.reused_ = true;
    lease.state_ = Lease::State::sending;
  }
  lease_ = &lease;
  lease.connection_ = this;
  slot_ = std::move(slot);
  method_ = method;
  request_started_ = request_finished_ = chunked_ = upgrade_ = answer_close_ = sent_noted_ = false;
  interims_ = 0;
  body_left_ = 0;
  parser_.reset();
  clear_deadline();
}

void UpstreamConnection::abandon() {
  lease_ = nullptr;
  const bool answering = state_ == State::head || state_ == State::body;
  if (answering && request_sent() && !endpoint_->options.close_on_abort) {
    set_deadline_after(endpoint_->options.drain_timeout);
  } else {
    state_ = State::closing;
  }
  ring();
}

void UpstreamConnection::ring_user() {
  if (lease_) lease_->user_.ring();
}

void UpstreamConnection::fail(const base::ReasonRow& row, bool retry, int system) {
  fail(base::Error{{&row, milliseconds(read_limit()), max_interims, {}}, base::Side::upstream, retry, system});
}

void UpstreamConnection::fail(base::Error error) {
  error.side = base::Side::upstream;
  // Before the slot returns, so that it is not granted to the next request for the same dead server. Our own shortages
  // (descriptors, ports) and a full backlog say nothing of its life.
  const bool ours = error.system == EMFILE || error.system == ENFILE || error.system == ENOBUFS || error.system == EADDRNOTAVAIL || error.system == EAGAIN;
  if (state_ == State::connecting && slot_ && !ours) slot_->connect_failed();
  if (lease_) {
    lease_->connection_ = nullptr;
    lease_->fail(error);
    ring_user();
    lease_ = nullptr;
  }
  state_ = State::closing;
  ring();
}

base::Duration UpstreamConnection::read_limit() const {
  switch (state_) {
    case State::connecting: return endpoint_->options.connect;
    case State::head: return out_.empty() ? endpoint_->options.first_byte : endpoint_->options.write;
    case State::body: return endpoint_->options.between_bytes;
    case State::tunnel: return endpoint_->options.tunnel;
    default: return {};
  }
}

// --- the request ---

void UpstreamConnection::send_head(const RequestHead& head, const Framing& framing, bool upgrade_websocket) {
  CHECK(!request_started_);
  request_started_ = true;
  upgrade_ = upgrade_websocket;
  chunked_ = framing.kind == Framing::Kind::chunked;
  body_left_ = framing.kind == Framing::Kind::length ? framing.length : 0;
  write_request_head(out_, head, framing, upgrade_websocket ? ConnectionField::upgrade_websocket : ConnectionField::none);
  if (!chunked_ && body_left_ == 0) {
    request_finished_ = true;
    lease_->body_finished_ = true;
  }
  write_progress_ = now();
  ring();
}

std::size_t UpstreamConnection::writable() const {
  if (state_ == State::connecting || state_ == State::closing || !request_started_) return 0;
  if (request_finished_ && state_ != State::tunnel) return 0;
  const std::size_t window = net::window_under_pressure(request_window);
  return out_.size() >= window ? 0 : window - out_.size();
}

void UpstreamConnection::send_body(net::Buffer& from, std::size_t max) {
  const std::size_t size = std::min(max, from.size());
  if (size == 0) return;
  if (out_.empty()) write_progress_ = now();
  if (state_ == State::tunnel) {
    out_.take(from, size);
  } else if (chunked_) {
    write_chunk(out_, from, size);
  } else {
    CHECK_MSG(size <= body_left_, "more request body than declared");
    body_left_ -= size;
    out_.take(from, size);
  }
  ring();
}

void UpstreamConnection::finish_body(const Head* trailers) {
  if (request_finished_ && state_ != State::tunnel) return;
  CHECK_MSG(state_ == State::tunnel || chunked_ || body_left_ == 0, "less request body than declared");
  if (state_ != State::tunnel && chunked_) write_last_chunk(out_, trailers);
  request_finished_ = true;
  ring();
}

void UpstreamConnection::write_out() {
  while (!out_.empty()) {
    const net::IoResult result = transport_->write(out_);
    if (result.bytes > 0) {
      write_progress_ = now();
      if (lease_) lease_->bytes_sent_ = true;
    }
    if (result.state == net::IoState::failed) {
      // The server may have answered before it closed: what it sent is still to be read, so only the rest of the request goes.
      out_.clear();
      answer_close_ = true;
      request_finished_ = true;
      break;
    }
    if (result.state != net::IoState::done) break;
  }
  if (request_sent() && !sent_noted_ && state_ != State::tunnel) {
    sent_noted_ = true;
    read_progress_ = now();
    if (lease_) lease_->sent_at_ = now();
  }
  if (out_.empty() && !request_finished_) ring_user();
}

// --- the life of a connection ---

net::Task::Step UpstreamConnection::run() {
  if (deadline_passed()) watch_time();
  for (;;) {
    Next next = Next::wait;
    switch (state_) {
      case State::connecting: next = run_connecting(); break;
      case State::idle: next = run_idle(); break;
      case State::head: next = run_head(); break;
      case State::body: next = run_body(); break;
      case State::tunnel: next = run_tunnel(); break;
      case State::closing: return Step::closed;
    }
    if (state_ == State::closing) return Step::closed;
    if (next == Next::again) return Step::again;
    if (next == Next::wait) break;
  }
  const auto& options = endpoint_->options;
  switch (state_) {
    case State::connecting: set_deadline(connect_began_ + options.connect); break;
    case State::head:
    case State::body:
      if (!lease_) break;  // draining: its deadline stands
      if (!out_.empty()) set_deadline(write_progress_ + options.write);
      else if (state_ == State::body) {
        if (lease_->body_.size() < answer_window) set_deadline(read_progress_ + options.between_bytes);
        else clear_deadline();  // the client is slow, not the server
      } else if (request_sent() && request_started_) set_deadline(read_progress_ + options.first_byte);
      else clear_deadline();
      break;
    case State::tunnel: set_deadline(std::max(read_progress_, write_progress_) + options.tunnel); break;
    default: break;
  }
  return Step::wait;
}

void UpstreamConnection::watch_time() {
  switch (state_) {
    case State::connecting: fail(reasons::upstream_connect_timeout, true, ETIMEDOUT); break;
    case State::idle: state_ = State::closing; pool_.left_idle(*this); break;
    case State::head:
    case State::body:
      if (!lease_) {
        if (slot_) slot_->drain_timed_out();
        state_ = State::closing;
      } else if (!out_.empty()) {
        fail(reasons::upstream_write_timeout, false);
      } else if (state_ == State::head) {
        if (slot_) slot_->drain_timed_out();  // the server is busy with it still
        fail(reasons::upstream_first_byte_timeout, false);
      } else {
        fail(reasons::upstream_between_bytes_timeout, false);
      }
      break;
    case State::tunnel: fail(reasons::upstream_tunnel_timeout, false); break;
    case State::closing: break;
  }
}

UpstreamConnection::Next UpstreamConnection::run_connecting() {
  const net::IoResult result = transport_->establish();
  if (result.state == net::IoState::blocked) return Next::wait;
  if (result.state != net::IoState::done) {
    fail(result.error == ECONNREFUSED || result.error == ENOENT ? reasons::upstream_connect_refused : reasons::upstream_connect_failed, true,
         result.error);
    return Next::wait;
  }
  state_ = State::head;
  if (lease_) {
    lease_->connect_time_ = base::precise_now() - connect_began_;
    lease_->state_ = Lease::State::sending;
    if (!request_finished_) ring_user();
  }
  write_progress_ = now();
  return Next::go_on;
}

UpstreamConnection::Next UpstreamConnection::run_idle() {
  if (!transport_->readable() && !transport_->peer_closed()) return Next::wait;
  pool_.left_idle(*this);  // a FIN, or bytes nobody asked for: either way its use is over
  state_ = State::closing;
  return Next::wait;
}

net::IoResult UpstreamConnection::read_in(std::size_t max) {
  const net::IoResult result = transport_->read(in_, std::min(max, read_size));
  if (result.bytes > 0) {
    read_progress_ = now();
    if (lease_) lease_->began_answer_ = true;
  }
  return result;
}

UpstreamConnection::Next UpstreamConnection::run_head() {
  write_out();
  for (;;) {
    if (!in_.empty()) {
      ResponseHead head;
      const std::size_t look = std::min(in_.size(), endpoint_->options.head_limits.bytes + 1);
      const auto size = parser_.parse(in_.pull_up(look), endpoint_->options.head_limits, method_, head);
      if (!size) {
        fail(size.error());
        return Next::wait;
      }
      if (*size > 0) {
        if (head.status() == 101 || !head.interim()) {
          in_.consume(*size);
          accept_head(std::move(head));
          return state_ == State::closing ? Next::wait : Next::go_on;
        }
        if (!handle_interim(head, *size)) return Next::wait;
        continue;
      }
    }
    const net::IoResult result = read_in(read_size);
    if (result.state == net::IoState::done) continue;
    if (result.state == net::IoState::blocked) return Next::wait;
    if (!in_.empty() || (lease_ && lease_->began_answer_)) fail(reasons::upstream_head_cut_short, false, result.error);
    else if (lease_ && lease_->reused_) fail(reasons::upstream_keepalive_closed, true, result.error);
    else fail(reasons::upstream_empty_response, true, result.error);
    return Next::wait;
  }
}

bool UpstreamConnection::handle_interim(ResponseHead& head, std::size_t size) {
  in_.consume(size);
  parser_.reset();
  if (++interims_ > max_interims) {
    fail(reasons::upstream_interim_flood, false);
    return false;
  }
  if (lease_) {
    lease_->interim_.push_back(std::move(head));
    ring_user();
  }
  return true;
}

void UpstreamConnection::accept_head(ResponseHead head) {
  if (head.status() == 101 && (!upgrade_ || !parser_.switching())) {
    fail(reasons::upstream_unasked_upgrade, false);
    return;
  }
  answer_close_ = answer_close_ || parser_.close();
  keep_alive_seconds_ = parser_.keep_alive_timeout();
  decoder_.start(parser_.framing());
  if (lease_) {
    if (parser_.framing().kind == Framing::Kind::length) lease_->length_ = parser_.framing().length;
    if (parser_.framing().kind == Framing::Kind::none) lease_->length_ = 0;
    lease_->head_ = std::move(head);
    lease_->head_ready_ = true;
    lease_->head_at_ = now();
    lease_->state_ = parser_.switching() ? Lease::State::tunnel : Lease::State::answering;
    lease_->early_answer_ = !request_sent();
    ring_user();
  }
  state_ = parser_.switching() ? State::tunnel : State::body;
  if (state_ == State::tunnel) {
    request_finished_ = sent_noted_ = false;  // from now on the client's end of the tunnel
    if (lease_) lease_->body_finished_ = false;
    else state_ = State::closing;
  }
}

UpstreamConnection::Next UpstreamConnection::run_body() {
  write_out();
  std::size_t moved = 0;
  for (;;) {
    net::Buffer& target = lease_ ? lease_->body_ : sink_;
    if (!lease_) sink_.clear();
    const std::size_t window = net::window_under_pressure(answer_window);
    const std::size_t room = target.size() >= window ? 0 : window - target.size();
    if (!decoder_.complete()) {
      if (room == 0) return Next::wait;
      if (!in_.empty()) {
        const std::size_t before = target.size();
        const auto done = decoder_.decode(in_, target, room);
        if (!done) {
          fail(done.error());
          return Next::wait;
        }
        const std::size_t got = target.size() - before;
        moved += got;
        if (lease_) lease_->received_bytes_ += got;
        if (got > 0) ring_user();
      }
    }
    if (decoder_.complete()) {
      answer_complete();
      return Next::go_on;
    }
    if (moved > run_budget) return Next::again;
    if (target.size() >= window) return Next::wait;
    const net::IoResult result = read_in(window);
    if (result.state == net::IoState::done) continue;
    if (result.state == net::IoState::blocked) return Next::wait;
    // A reset is never an end, not even where the end of the connection ends the body.
    const auto done = result.state == net::IoState::eof && in_.empty() ? decoder_.finish_at_eof() : base::Result<bool>(false);
    answer_close_ = true;
    if (!done || !*done) {
      fail(reasons::upstream_body_cut_short, false, result.error);
      return Next::wait;
    }
  }
}

void UpstreamConnection::answer_complete() {
  if (lease_) {
    if (decoder_.trailers().fields().size() > 0) {
      lease_->trailers_ = decoder_.trailers();
      lease_->has_trailers_ = true;
    }
    lease_->state_ = Lease::State::complete;
    lease_->connection_ = nullptr;
    ring_user();
    lease_ = nullptr;
  }
  slot_.reset();
  // Bytes after the answer end this connection: they must never be taken for the next answer.
  if (answer_close_ || !request_sent() || !in_.empty() || transport_->peer_closed()) {
    state_ = State::closing;
    return;
  }
  state_ = State::idle;
  idle_since_ = now();
  base::Duration keep = endpoint_->options.keepalive_timeout;
  if (keep_alive_seconds_ >= 0) keep = std::min<base::Duration>(keep, std::chrono::seconds(std::max(0, keep_alive_seconds_ - 1)));
  set_deadline_after(keep);
  pool_.became_idle(*this);
}

UpstreamConnection::Next UpstreamConnection::run_tunnel() {
  if (!lease_) {
    state_ = State::closing;
    return Next::wait;
  }
  write_out();
  if (request_finished_ && out_.empty() && !sent_noted_) {
    sent_noted_ = true;
    transport_->shutdown_write();
  }
  for (;;) {
    net::Buffer& target = lease_->body_;
    if (!in_.empty()) {
      target.take(in_);
      ring_user();
    }
    if (target.size() >= answer_window) return Next::wait;
    const net::IoResult result = read_in(read_size);
    if (result.bytes > 0) {
      lease_->received_bytes_ += result.bytes;
      continue;
    }
    if (result.state == net::IoState::blocked) return Next::wait;
    if (result.state == net::IoState::eof) {
      answer_close_ = true;
      answer_complete();
    } else {
      fail(reasons::upstream_body_cut_short, false, result.error);
    }
    return Next::wait;
  }
}

}  // namespace http
