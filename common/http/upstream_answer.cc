// SPDX-License-Identifier: BSD-2-Clause
// The answer's side of an upstream connection: heads, body, the end of a transaction, tunnels.
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "http/engine_reasons.h"
#include "http/upstream_connection.h"
#include "net/memory_budget.h"

namespace http {
namespace {
constexpr std::size_t read_size = 64 * 1024;
constexpr std::size_t run_budget = 512 * 1024;      // bytes a run() before others get their turn
}  // namespace

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
  if (state_ == State::closing) return Next::wait;
  for (;;) {
    bool short_of_memory = false;
    if (!in_.empty()) {
      ResponseHead head;
      const std::size_t look = std::min(in_.size(), endpoint_->options.head_limits.bytes + 1);
      const std::string_view seen = in_.pull_up(look);
      short_of_memory = seen.size() < look;
      const auto size = parser_.parse(seen, endpoint_->options.head_limits, method_, head);
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
    // Without memory for all that is here, more bytes would not help.
    const net::IoResult result = short_of_memory ? net::IoResult{net::IoState::failed, 0, ENOMEM} : read_in(read_size);
    if (result.state == net::IoState::done || (result.state == net::IoState::blocked && transport_->look_again())) continue;
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
  if (state_ == State::closing) return Next::wait;
  if (std::exchange(paused_, false)) read_progress_ = now();  // until now the client was slow, not the server
  std::size_t moved = 0;
  for (;;) {
    net::Buffer& target = lease_ ? lease_->body_ : sink_;
    if (!lease_) sink_.clear();
    const std::size_t window = net::window_under_pressure(answer_window);
    const std::size_t room = target.size() >= window ? 0 : window - target.size();
    if (!decoder_.complete()) {
      if (room == 0) return pause();
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
    if (target.size() >= window) return pause();
    const net::IoResult result = read_in(window);
    if (result.state == net::IoState::done || (result.state == net::IoState::blocked && transport_->look_again())) continue;
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
  busy_ = false;
  if (pool_.became_idle(*this) == UpstreamPool::Kept::surplus) keep = std::min(keep, surplus_patience);
  set_deadline_after(keep);
}

UpstreamConnection::Next UpstreamConnection::run_tunnel() {
  if (!lease_) {
    state_ = State::closing;
    return Next::wait;
  }
  write_out();
  if (state_ == State::closing) return Next::wait;
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
    if (result.state == net::IoState::blocked) {
      if (transport_->look_again()) continue;
      return Next::wait;
    }
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
