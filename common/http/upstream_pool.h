// SPDX-License-Identifier: BSD-2-Clause
// The upstream side: the pool owns every upstream connection; a Lease is one transaction on one of them. One pool a worker.
// Exchanges (and fetches, checks) hold a Lease and are rung through it. Destroying a lease aborts its transaction: unsent
// requests close the connection; a request that was fully sent passes to the pool, which reads and drops the rest up to the endpoint's
// `drain_timeout`, holding the endpoint's slot till then (`slot`).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "http/head.h"
#include "http/http1_parser.h"
#include "net/address.h"
#include "net/buffer.h"
#include "net/task.h"

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
};

// A server as the pool sees it: identity for reuse, address, how many idle connections to keep (per process, shared by workers).
struct Endpoint {
  std::string name;             // for logs and Proxy-Status, e.g. "app/s1"
  net::Address address;
  std::uint32_t keepalive = 64; // idle connections kept, this worker's share
  UpstreamOptions options;
};

// Whatever must be returned when the transaction on the server is over (a slot of admission). Destroyed by the pool when the
// last byte of the answer was read, or by the lease's user if nothing was sent.
class SlotHold {
 public:
  virtual ~SlotHold() = default;
};

enum class Reuse : std::uint8_t {
  any,      // repeatable request: any idle connection
  fresh,    // not repeatable: new, or idle for less than a second (see common/README.md)
};

class UpstreamConnection;
class UpstreamPool;

class Lease {
 public:
  enum class State : std::uint8_t {
    connecting, sending, waiting,  // request may be (partly) sent, no final head yet
    head,        // take_head() gives the final head; body follows
    complete,    // the whole answer was received (bytes may wait to be pulled)
    tunnel,      // 101 was answered
    failed,      // error(); see began_answer(), reused()
  };
  ~Lease();
  Lease(const Lease&) = delete;

  State state() const;
  // --- request ---
  // Queues the head (already cleaned) and framing; call once, at any time after the lease was made.
  void send_head(const RequestHead& head, const Framing& framing, bool upgrade_websocket = false);
  std::size_t writable() const;                    // body bytes wanted now; 0: wait
  void send_body(net::Buffer& from, std::size_t max = SIZE_MAX);
  void finish_body(const Head* trailers = nullptr);  // every byte was given
  bool request_sent() const;                       // fully handed to the kernel
  // --- response ---
  bool interim_ready() const;                      // a 1xx waits
  ResponseHead take_interim();
  bool head_ready() const;
  ResponseHead take_head();                        // once
  std::optional<std::uint64_t> length() const;     // of the answer's body if declared
  std::size_t available() const;                   // body bytes to pull
  void pull(net::Buffer& into, std::size_t max);   // frees window: reading goes on
  const Head* trailers() const;
  // --- facts ---
  const base::Error& error() const;
  bool reused() const;            // an idle connection was used
  bool began_answer() const;      // a byte of an answer arrived
  bool bytes_sent() const;        // any byte of the request reached the kernel
  base::Duration connect_time() const;
  base::TimePoint sent_at() const;
  base::TimePoint head_at() const;
  std::uint64_t received_bytes() const;  // head and body as on the wire
  const Endpoint& endpoint() const;

 private:
  friend class UpstreamPool;
  friend class UpstreamConnection;
  Lease() = default;
  UpstreamConnection* connection_ = nullptr;
  std::shared_ptr<const Endpoint> endpoint_;
  base::Error error_;  // when connecting could not even begin
};

class UpstreamPool final : public net::TaskOwner {
 public:
  explicit UpstreamPool(net::EventLoop& loop);
  ~UpstreamPool();
  // Begins a transaction for `user`, which is rung on every change. Never fails at once: failures show in state().
  // `slot` is held until the server is done with the request.
  std::unique_ptr<Lease> lease(std::shared_ptr<const Endpoint> endpoint, net::Task& user, Method method, Reuse reuse,
                               std::unique_ptr<SlotHold> slot);
  void close_idle();                       // all idle connections (drain, shutdown)
  void close_idle(const std::string& endpoint_name);
  std::size_t idle() const;
  std::size_t active() const;
  void reap(net::Task& child) override;

 private:
  friend class Lease;
  friend class UpstreamConnection;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace http
