// SPDX-License-Identifier: BSD-2-Clause
// One connection to a server: connects, sends one request at a time, parses answers strictly, goes idle or closes.
// Owner: the worker's UpstreamPool. What belongs to a transaction (heads, body, times) lives in the Lease; the connection
// keeps the bytes of the wire and the slot.
#pragma once

#include <memory>

#include "http/body_decoder.h"
#include "http/http1_parser.h"
#include "http/upstream_pool.h"
#include "net/transport.h"

namespace http {

class UpstreamConnection final : public net::Task, public base::Recycled {
 public:
  UpstreamConnection(net::EventLoop& loop, UpstreamPool& pool, std::shared_ptr<const Endpoint> endpoint);
  ~UpstreamConnection() override;

  // Starts connecting; a failure is reported through the lease.
  void connect();
  // A new transaction on this (idle or connecting) connection.
  void begin(Lease& lease, Method method, std::unique_ptr<SlotHold> slot);
  // The lease is destroyed before its transaction was over.
  void abandon();
  void close() { state_ = State::closing; ring(); }

  // For the lease.
  void send_head(const RequestHead& head, const Framing& framing, bool upgrade_websocket);
  std::size_t writable() const;
  void send_body(net::Buffer& from, std::size_t max);
  void finish_body(const Head* trailers);
  void body_pulled() { ring(); }

  const Endpoint& endpoint() const { return *endpoint_; }
  // How long an idle connection stays that is one more than are kept: a crowd uses it again by then.
  static constexpr base::Duration surplus_patience = std::chrono::seconds(1);
  base::TimePoint idle_since() const { return idle_since_; }
  // An idle connection on which nothing has arrived.
  bool usable() const { return state_ == State::idle && !transport_->peer_closed() && !transport_->readable(); }

 protected:
  Step run() override;

 private:
  static constexpr std::size_t answer_window = 128 * 1024;  // decoded bytes a lease may hold before reading pauses
  static constexpr int max_interims = 16;
  // In the order in which they happen.
  enum class State : std::uint8_t { connecting, idle, head, body, tunnel, closing };
  // What a handler asks run() to do next.
  enum class Next : std::uint8_t { go_on, wait, again };

  Next run_connecting();
  Next run_idle();
  Next run_head();
  Next run_body();
  Next run_tunnel();
  void write_out();
  net::IoResult read_in(std::size_t max);
  bool handle_interim(ResponseHead& head, std::size_t size);
  void accept_head(ResponseHead head);
  void answer_complete();
  Next pause() {
    paused_ = true;
    return Next::wait;
  }
  void watch_time();
  base::TimePoint due() const;
  void fail(const base::ReasonRow& row, bool retry, int system = 0);
  void fail(base::Error error);
  void ring_user();
  bool request_sent() const { return request_finished_ && out_.empty(); }
  base::Duration read_limit() const;

  UpstreamPool& pool_;
  std::shared_ptr<const Endpoint> endpoint_;
  std::unique_ptr<net::Transport> transport_;
  Lease* lease_ = nullptr;         // null while idle, and while the answer of a request whose client left is read and dropped
  std::unique_ptr<SlotHold> slot_;
  State state_ = State::connecting;
  Method method_ = Method::other;
  bool request_started_ = false, request_finished_ = false, chunked_ = false, upgrade_ = false;
  bool answer_close_ = false, sent_noted_ = false;
  bool busy_ = false;              // counted by the pool
  bool paused_ = false;            // the lease holds what it may
  int interims_ = 0;
  int keep_alive_seconds_ = -1;
  std::uint64_t body_left_ = 0;    // of a request body with a declared length
  net::Buffer out_, in_, sink_;    // sink_: dropped bytes of an abandoned answer
  ResponseHeadParser parser_;
  BodyDecoder decoder_;
  base::TimePoint connect_began_{}, idle_since_{}, write_progress_{}, read_progress_{};
};

}  // namespace http
