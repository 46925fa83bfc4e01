// SPDX-License-Identifier: BSD-2-Clause
// The upstream side: the pool owns every upstream connection; a Lease is one transaction on one of them. One pool a worker.
// Exchanges (and fetches, checks) hold a Lease and are rung through it. Destroying a lease aborts its transaction: unsent
// requests close the connection; a request that was fully sent passes to the pool, which reads and drops the rest up to the endpoint's
// `drain_timeout`, holding the endpoint's slot till then (`slot`).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "http/head.h"
#include "http/http1_parser.h"
#include "net/address.h"
#include "net/buffer.h"
#include "net/task.h"
#include "net/transport.h"

namespace http {

// Timeouts and limits of one server or origin. Plain values; copied into each lease.
struct UpstreamOptions {
  base::Duration connect = std::chrono::seconds(2);
  base::Duration first_byte = std::chrono::seconds(300);     // from request sent to response head
  base::Duration between_bytes = std::chrono::seconds(40);
  base::Duration write = std::chrono::seconds(60);           // no progress sending
  base::Duration keepalive_timeout = std::chrono::seconds(60);
  base::Duration drain_timeout = std::chrono::seconds(300);  // reading the rest for a client that left
  base::Duration tunnel = std::chrono::hours(1);             // idle tunnel
  bool close_on_abort = false;                               // on_abort = "close": abort closes instead of draining
  HeadLimits head_limits{64 * 1024, 200, 0, 256};
  bool operator==(const UpstreamOptions&) const = default;
};

// A server as the pool sees it. Shared by all workers; the pool compares it by address, so one server is one object for as long
// as it is unchanged.
struct Endpoint {
  std::string name;             // for logs and Proxy-Status, e.g. "app/s1"
  net::Address address;
  std::string address_text;     // for logs
  std::uint32_t keepalive = 64; // idle connections kept by the process, all workers together; see became_idle()
  UpstreamOptions options;
  mutable std::atomic<std::uint32_t> idle{0};  // idle connections now
  mutable std::atomic<bool> gone{false};       // no configuration names it: connections end with their transaction
  // The same server, reached in the same way: the object may go on.
  bool same(const Endpoint& other) const {
    return name == other.name && address == other.address && keepalive == other.keepalive && options == other.options;
  }
};

// Whatever must be returned when the transaction on the server is over (a slot of admission). Destroyed by the pool when the
// last byte of the answer was read, or when its connection is closed.
class SlotHold : public base::Recycled {
 public:
  virtual ~SlotHold() = default;
  // A request whose client left was not answered within `drain_timeout`: called before destruction. The slot may decide to
  // stay taken until a check succeeds.
  virtual void drain_timed_out() {}
  // No connection could be made (refused, reset), nothing was sent: called before destruction, so that the slot does
  // not attract the next request to a dead server.
  virtual void connect_failed() {}
  // The same, but nobody answered: the server may be dead, or have a full queue of connections.
  virtual void connect_timed_out() { connect_failed(); }
};

enum class Reuse : std::uint8_t {
  any,      // repeatable request: any idle connection
  fresh,    // not repeatable: new, or idle for less than a second (see common/README.md)
  none,     // a new connection
};

class UpstreamConnection;
class UpstreamPool;

class Lease final : public base::Recycled {
 public:
  enum class State : std::uint8_t {
    connecting,  // no connection yet
    sending,     // connected; the request is (partly) to be sent, no final head yet
    answering,   // head_ready() was true: the final head is here or taken, its body follows
    complete,    // the whole answer was received (bytes may wait to be pulled); the server is free
    tunnel,      // 101 was answered
    failed,      // error()
  };
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  State state() const { return state_; }
  // --- request ---
  // Queues the head (already cleaned) and its framing; once, at any time after the lease was made.
  void send_head(const RequestHead& head, const Framing& framing, bool upgrade_websocket = false);
  std::size_t writable() const;                      // body bytes wanted now (0 while connecting): wait to be rung
  void send_body(net::Buffer& from, std::size_t max = SIZE_MAX);
  void finish_body(const Head* trailers = nullptr);  // every byte was given. Tunnel: half-close
  bool body_finished() const { return body_finished_; }
  // --- response ---
  bool interim_ready() const { return !interim_.empty(); }  // a 1xx waits
  ResponseHead take_interim();
  bool head_ready() const { return head_ready_; }
  ResponseHead take_head();                          // once
  std::optional<std::uint64_t> length() const { return length_; }  // of the answer's body, if declared
  std::size_t available() const { return body_.size(); }
  void pull(net::Buffer& into, std::size_t max = SIZE_MAX);  // frees window: reading goes on
  const Head* trailers() const { return has_trailers_ ? &trailers_ : nullptr; }
  // --- facts ---
  const base::Error& error() const { return error_; }
  bool reused() const { return reused_; }              // an idle connection was used
  bool began_answer() const { return began_answer_; }  // a byte of an answer arrived
  bool bytes_sent() const { return bytes_sent_; }      // a byte of the request reached the kernel
  bool must_close() const { return early_answer_; }    // answered before the request's body had ended
  base::Duration connect_time() const { return connect_time_; }
  base::TimePoint sent_at() const { return sent_at_; } // request fully handed to the kernel
  base::TimePoint head_at() const { return head_at_; }
  std::uint64_t received_bytes() const { return received_bytes_; }  // body, decoded
  const Endpoint& endpoint() const { return *endpoint_; }

 private:
  friend class UpstreamPool;
  friend class UpstreamConnection;
  Lease(std::shared_ptr<const Endpoint> endpoint, net::Task& user) : endpoint_(std::move(endpoint)), user_(user) {}
  void fail(const base::Error& error);

  std::shared_ptr<const Endpoint> endpoint_;
  net::Task& user_;
  UpstreamConnection* connection_ = nullptr;  // null once the transaction is over
  State state_ = State::connecting;
  bool head_ready_ = false, head_sent_ = false, body_finished_ = false;
  bool reused_ = false, began_answer_ = false, bytes_sent_ = false, early_answer_ = false, has_trailers_ = false;
  std::vector<ResponseHead> interim_;
  ResponseHead head_;
  std::optional<std::uint64_t> length_;
  net::Buffer body_;
  Head trailers_;
  base::Error error_;
  base::Duration connect_time_{};
  base::TimePoint sent_at_{}, head_at_{};
  std::uint64_t received_bytes_ = 0;
};

// One a worker (and one on the control thread for checks).
class UpstreamPool final : public net::TaskOwner {
 public:
  // How connections are made; tests hand in memory transports.
  using Connector = std::function<base::Result<std::unique_ptr<net::Transport>>(net::EventLoop&, const net::Address&)>;
  explicit UpstreamPool(net::EventLoop& loop, Connector connector = net::connect_plain);
  ~UpstreamPool();
  // Begins a transaction for `user`, which is rung on every change. Never fails at once: failures show in state().
  // `slot` is held until the server is done with the request.
  std::unique_ptr<Lease> lease(std::shared_ptr<const Endpoint> endpoint, net::Task& user, Method method, Reuse reuse,
                               std::unique_ptr<SlotHold> slot);
  void close_idle();                          // all idle connections (drain, shutdown)
  void close_idle(const Endpoint& endpoint);
  // No configuration names the server any more: its idle connections close now, those in use after their transaction. Every pool
  // is told; leases that come later, of exchanges that began before, still get a connection of their own.
  void forget(const Endpoint& endpoint);
  std::size_t idle() const { return idle_; }
  std::size_t active() const { return connections_.size() - idle_; }
  void reap(net::Task& child) override;

 private:
  friend class UpstreamConnection;
  using IdleList = std::vector<UpstreamConnection*>;
  // What this worker has of a server. Stays while that is nothing, until the server is forgotten.
  struct Server {
    IdleList idle;                          // the last is the most recent
    std::size_t busy = 0;                   // connections in use
    std::size_t peak = 0, peak_before = 0;  // most of them at once in the current second and in the one before
    base::TimePoint second{};               // when the current one began
    void note_busy(base::TimePoint now);
    std::size_t recent_peak(base::TimePoint now) const;
  };
  void close_list(IdleList& list);
  // More than `keepalive` stay for a moment (`surplus`) where this worker had as many in use at once just now as it has: else a crowd
  // connects anew for each request. Not more, because application servers count their connections (waitress stops at 100).
  enum class Kept : std::uint8_t { idle, surplus, closed };
  Kept became_idle(UpstreamConnection& connection);
  void left_idle(UpstreamConnection& connection);
  void ended_busy(const Endpoint& endpoint);
  static bool counts(const Endpoint& endpoint);
  UpstreamConnection* find_idle(const Endpoint& endpoint, Reuse reuse);

  net::EventLoop& loop_;
  Connector connector_;
  std::unordered_map<net::Task*, std::unique_ptr<UpstreamConnection>> connections_;
  std::unordered_map<const Endpoint*, Server> servers_;
  std::size_t idle_ = 0;
};

}  // namespace http
