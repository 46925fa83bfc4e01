// SPDX-License-Identifier: BSD-2-Clause
// An HTTP/2 connection of a client over nghttp2 (RFC 9113). nghttp2's callbacks only fill queues and ring; sending, opening and
// reaping happen in run(). Owner: the worker's ClientConnections. Owns its streams, which own their exchanges. Worker thread.
#pragma once

#include <deque>
#include <unordered_map>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "http/http1_server.h"
#include "http2/flood_guard.h"
#include "http2/stream.h"
#include "net/memory_budget.h"

namespace http2 {

inline constexpr std::size_t frame_head_size = 9;
// What goes into one write: a whole TLS record, little enough that a high-priority frame does not wait long. Less when memory is short: it is
// held for as long as the client reads nothing.
inline std::size_t gather_limit() { return net::window_under_pressure(16 * 1024); }
// Request bodies of a connection in memory at most; credited as their bytes leave to the upstream.
inline constexpr std::int32_t connection_window = 256 * 1024;
// More than what an exchange waits for before it asks for a place upstream.
inline constexpr std::uint32_t stream_window = 128 * 1024;
inline constexpr std::uint32_t max_streams = 128;

// For ClientConnections::set_http2.
http::Http2Factory session_factory();

class Session final : public http::ClientConnection, public net::TaskOwner {
 public:
  Session(net::EventLoop& loop, http::ClientConnections& connections, std::unique_ptr<net::Transport> transport, net::Buffer already_read,
          http::ConnectionInfo info);
  ~Session() override;

  void drain() override;
  void pong();              // the client has seen what was sent before our PING
  void shut() override;
  bool idle() const override { return streams_.empty(); }
  Shed shed(base::TimePoint since) override;
  void reap(net::Task& child) override;

 protected:
  Step run() override;

 private:
  friend class Stream;
  friend struct Callbacks;

  void start();
  bool receive();                 // false: the connection is over
  bool feed();                    // input to nghttp2
  void open_streams();
  void open(Stream& stream);
  void answer_refused(Stream& stream, const base::Error& error);
  bool send();                    // false: the connection is over
  bool gather();
  void lose();                    // every exchange sees its client gone
  void calm();                    // ends the connection for the guard's verdict
  void linger_from_now();
  void check_timeouts();
  void check_stream(Stream& stream, base::TimePoint time);
  void check_body(Stream& stream, base::TimePoint time);
  void check_reader(Stream& stream, base::TimePoint time);
  bool takes_too_slowly(base::TimePoint time);
  bool leaving() const { return last_call_ != base::TimePoint::max(); }
  void final_goaway();
  Step linger();
  void notice(const base::Reason& reason) { connections_.service().noticed(reason, info_); }
  void notice(const base::ReasonRow& row, base::Duration limit);
  void update_deadline();
  Stream* find(std::int32_t id);
  // So many bytes of bodies are held that waiting for more of one of them may be waiting for another's to leave: nghttp2 gives the
  // window back only once half of it was consumed.
  bool window_full() const { return buffered_ + 16 * 1024 >= static_cast<std::size_t>(connection_window) / 2; }
  // Before bytes leave: up to now the window may have kept every body waiting.
  void note_window() { if (window_full()) full_until_ = now(); }
  void ring_bodies();
  void note_waiting();            // whether answers wait for the client
  void settle();                  // answers whose last byte was taken
  void forget(std::int32_t id);   // erases a stream that nobody needs any more
  const http::ServerOptions& options() const { return connections_.options(); }
  net::EventLoop& loop_of() const { return loop(); }
  base::TimePoint time() const { return now(); }

  http::ClientConnections& connections_;
  std::unique_ptr<net::Transport> transport_;
  http::ConnectionInfo info_;
  nghttp2_session* nghttp2_ = nullptr;
  FloodGuard guard_;
  net::Buffer in_;
  net::Buffer out_;
  std::unordered_map<std::int32_t, std::unique_ptr<Stream>> streams_;
  Stream* last_found_ = nullptr;
  std::vector<std::int32_t> complete_heads_;  // streams whose head is complete, not yet opened
  std::vector<std::int32_t> unused_;          // closed and without an exchange: to be erased
  std::deque<std::pair<std::int32_t, std::uint64_t>> finishing_;  // streams and the count of bytes with which their answer ends
  std::size_t buffered_ = 0;                  // bytes of bodies not pulled
  std::size_t held_ = 0;                      // bytes of answers that no frame was made for
  std::uint64_t queued_ = 0;                  // bytes put into out_ …
  std::uint64_t sent_ = 0;                    // … and taken by the transport
  base::TimePoint last_activity_{};            // when the last stream ended, or the connection began
  base::TimePoint write_blocked_since_ = base::TimePoint::max();
  http::Pace writing_;                        // while the transport takes no more
  std::uint64_t data_received_ = 0, data_sent_ = 0;  // bytes of bodies and answers, of all streams
  base::TimePoint full_until_{};              // when window_full() was last true
  bool started_ = false;
  bool out_of_memory_ = false;  // nghttp2 could not say something: nobody knows what is missing
  // On its way out: first a GOAWAY that names no stream; when the client must have seen it, or at last_call_, the one that says which
  // streams are still served.
  base::TimePoint last_call_ = base::TimePoint::max();
  bool draining_ = false;   // the final GOAWAY was submitted
  bool lingering_ = false;  // our FIN is sent; what the client still sends is read and dropped for a while
  std::size_t lingered_ = 0;
  bool lost_ = false;       // nothing more is read or written
};

}  // namespace http2
