// SPDX-License-Identifier: BSD-2-Clause
// One HTTP/1.x connection of a client: reads heads, hands requests to the Service one at a time (pipelined ones wait in
// order), moves bodies, writes answers, lingers, closes. Owner: ClientConnections. Idle, it holds neither stream nor buffer.
#pragma once

#include <memory>

#include "http/http1_server.h"
#include "http/http1_stream.h"
#include "http/pace.h"

namespace http {

class Http1Connection final : public ClientConnection, public net::TaskOwner {
 public:
  Http1Connection(net::EventLoop& loop, ClientConnections& owner, std::unique_ptr<net::Transport> transport, net::Buffer already_read,
                  ConnectionInfo info);
  ~Http1Connection() override;

  void drain() override;
  void shut() override;
  bool idle() const override { return state_ == State::idle; }
  Shed shed(base::TimePoint since) override;
  void reap(net::Task& child) override;

 protected:
  Step run() override;

 private:
  friend class Http1Stream;
  // In the order in which they happen.
  enum class State : std::uint8_t {
    idle,      // between requests: nothing of the next one is here
    head,      // a head is arriving
    exchange,  // an exchange serves the request
    flush,     // an answer of our own goes out, then the connection ends
    linger,    // our FIN is sent; the client's bytes are read and dropped for a while
    closing,   // waits for the exchange to be reaped
  };
  enum class Next : std::uint8_t { go_on, wait, again };
  // A request that is not answered by then may have been given up in the moment it came.
  static constexpr base::Duration look_after = std::chrono::milliseconds(250);

  Next run_idle();
  Next run_head();
  Next run_exchange();
  Next run_flush();
  Next run_linger();
  void open_exchange(RequestHead head, std::size_t size);
  bool answer_here(const RequestHead& head);
  void reject(const base::Error& error);
  void read_body();
  void read_tunnel();
  void notice_close();
  void write_out();
  void lose_client();
  void finish_request();
  void end_connection(bool unread);
  void on_timeout();
  void on_exchange_timeout();
  void start_body_pace();
  bool writes_too_slowly();
  base::TimePoint write_due() const;
  base::TimePoint due() const;
  // The deadline alone does not tell: the exchange, or a request that ended in this very run, may have changed what is waited for.
  bool overdue() const { return deadline_passed() && now() >= due(); }
  void notice(const base::ReasonRow& row, base::Duration limit);
  void ring_exchange() { if (exchange_) exchange_->ring(); }
  const ServerOptions& options() const { return owner_.options(); }
  bool draining() const { return leaves_ != base::TimePoint::max(); }
  void stay_a_moment();

  ClientConnections& owner_;
  std::unique_ptr<net::Transport> transport_;
  ConnectionInfo info_;
  State state_ = State::idle;
  base::TimePoint leaves_ = base::TimePoint::max();  // draining since that, and idle: time to go
  net::Buffer in_, out_;
  std::unique_ptr<Http1Stream> stream_;
  std::unique_ptr<Exchange> exchange_;
  std::size_t lingered_ = 0;
  bool body_paused_ = false;  // enough of the body is here: it is not the client who is waited for
  bool looked_ = false;  // whether a reset came together with the request
  base::TimePoint began_{}, read_progress_{}, write_progress_{};
  Pace body_pace_, write_pace_;
  base::WallTime began_wall_{};
};

}  // namespace http
