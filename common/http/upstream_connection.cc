// SPDX-License-Identifier: BSD-2-Clause
#include "http/upstream_connection.h"

#include <cerrno>

#include "base/check.h"
#include "http/engine_reasons.h"
#include "http/http1_writer.h"
#include "net/memory_budget.h"

namespace http {
namespace {
constexpr std::size_t request_window = 64 * 1024;   // request bytes queued before the user is asked to wait

const base::ReasonRow& connect_reason(int system) {
  if (system == ECONNREFUSED || system == ENOENT) return reasons::upstream_connect_refused;
  return net::is_own_shortage(system) ? reasons::upstream_connect_resources : reasons::upstream_connect_failed;
}

// What writing says when it is the server, or the way to it, that is gone.
bool server_lost(int error) {
  return error == EPIPE || error == ECONNRESET || error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH;
}

std::int64_t milliseconds(base::Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); }
}  // namespace

UpstreamConnection::UpstreamConnection(net::EventLoop& loop, UpstreamPool& pool, std::shared_ptr<const Endpoint> endpoint)
    : Task(loop, pool), pool_(pool), endpoint_(std::move(endpoint)) {}

UpstreamConnection::~UpstreamConnection() {
  if (state_ == State::idle) pool_.left_idle(*this);
  if (busy_) pool_.ended_busy(*endpoint_);
  if (lease_) lease_->connection_ = nullptr;
}

void UpstreamConnection::connect() {
  connect_began_ = now();
  auto transport = pool_.connector_(loop(), endpoint_->address);
  if (!transport) {
    const int system = transport.error().system;
    fail(connect_reason(system), true, system);
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
  busy_ = true;
  lease_ = &lease;
  lease.connection_ = this;
  slot_ = std::move(slot);
  method_ = method;
  request_started_ = request_finished_ = chunked_ = upgrade_ = answer_close_ = sent_noted_ = paused_ = false;
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
  const bool ours = net::is_own_shortage(error.system) || error.system == EAGAIN;
  if (state_ == State::connecting && slot_ && !ours) {
    if (error.system == ETIMEDOUT) slot_->connect_timed_out();
    else slot_->connect_failed();
  }
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
      // A failure on our side: the server still waits for the rest.
      if (!server_lost(result.error)) return fail(reasons::upstream_write_failed, lease_ && !lease_->bytes_sent_, result.error);
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
  // Only now: a worker that was busy for long finds what came in time, and the end of patience, at once.
  const base::TimePoint when = due();
  if (deadline_passed() && now() >= when) {
    watch_time();
    return Step::closed;
  }
  set_deadline(when);
  return Step::wait;
}

// When patience ends, as things are now.
base::TimePoint UpstreamConnection::due() const {
  const auto& options = endpoint_->options;
  constexpr auto never = base::TimePoint::max();
  switch (state_) {
    case State::connecting: return connect_began_ + options.connect;
    case State::head:
    case State::body:
      if (!lease_) return deadline();  // draining: its deadline stands
      if (!out_.empty()) return write_progress_ + options.write;
      if (state_ == State::body) return paused_ ? never : read_progress_ + options.between_bytes;
      return request_sent() && request_started_ ? read_progress_ + options.first_byte : never;
    case State::tunnel: return std::max(read_progress_, write_progress_) + options.tunnel;
    default: return deadline();
  }
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
    fail(connect_reason(result.error), true, result.error);
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

}  // namespace http
