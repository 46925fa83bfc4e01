// SPDX-License-Identifier: BSD-2-Clause
// One request and its response, as every daemon's machine sees it: a task over a Stream (head, body, sink, connection),
// knowing nothing of the protocol. Owner: the client connection (or HTTP/2 session). Worker thread.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string_view>

#include "base/clock.h"
#include "base/reason.h"
#include "base/recycled.h"
#include "http/head.h"
#include "http/request_body.h"
#include "http/response_sink.h"
#include "net/task.h"
#include "net/transport.h"

namespace http {

// What a listener says of its connections; outlives them.
struct ListenerInfo {
  std::string name;            // as configured
  std::uint32_t id = 0;        // of the listener, for the life of the process: the daemon finds its own view of the listener by it
  bool tls = false;
  bool http1 = true;           // protocols spoken: with TLS chosen by ALPN, without by the first bytes
  bool http2 = false;
  const void* owner = nullptr; // for whoever serves without generations (process/page_service)
};

// Facts of a connection that its exchanges may read.
struct ConnectionInfo {
  const net::PeerInfo* peer = nullptr;  // of the connection's transport
  const ListenerInfo* listener = nullptr;
  std::uint64_t serial = 0;    // unique in the process
  std::uint32_t requests = 0;  // how many before this one
  base::TimePoint accepted{};
  std::shared_ptr<void> hold;  // released when the connection ends
};

enum class Protocol : std::uint8_t { http1_0, http1_1, http2 };

// A request as it arrived. References are valid until the exchange is reaped.
struct Stream {
  RequestHead head;            // normalised and checked; hop-by-hop fields still there (see hop_by_hop.h)
  RequestBody* body = nullptr;
  ResponseSink* sink = nullptr;
  const ConnectionInfo* connection = nullptr;
  Protocol protocol = Protocol::http1_1;
  bool upgrade_websocket = false;
  bool te_trailers = false;
  base::TimePoint began{};     // first byte of the request
  base::TimePoint parsed{};    // head complete
  base::WallTime began_wall{};
  std::uint64_t head_bytes = 0; // as received
};

// A short history of states, printed when a check fails and shown by trace.
class History {
 public:
  struct Entry { const char* state; base::TimePoint when; };  // `state` lives as long as the process
  void add(const char* state, base::TimePoint when);
  std::string text() const;  // "route +0.1ms queue +3.0ms …"
  std::span<const Entry> entries() const { return {entries_.data(), count_}; }

 private:
  std::array<Entry, 12> entries_{};
  std::uint8_t count_ = 0;
};

class Exchange : public net::Task, public base::Recycled {
 public:
  ~Exchange() override;  // CHECKs that record_end was called
  Stream& stream() { return stream_; }
  std::uint32_t request_number() const { return request_number_; }  // of its connection: 1 is the first

 protected:
  Exchange(net::EventLoop& loop, net::TaskOwner& owner, Stream stream);
  // The exchange's single end: called exactly once, before run() returns closed.
  void record_end(base::Reason reason);
  bool end_recorded() const { return static_cast<bool>(end_reason_); }
  const base::Reason& end_reason() const { return end_reason_; }
  void note(const char* state);
  // What the access log calls the request, if that is not the client's X-Request-ID; lives as long as the exchange. trace finds it by it.
  void name_request(std::string_view id) { request_name_ = id; }
  // What a failed check prints: only write(2), of what is there.
  void describe(int fd) const noexcept override;

  Stream stream_;
  History history_;

 private:
  base::Reason end_reason_;
  std::string_view request_name_;
  std::uint32_t request_number_ = 0;
};

// A request that failed before an exchange existed (bad head, limits, time-out): answered by the connection, logged by the service.
struct Rejected {
  const ConnectionInfo* connection;
  base::Error error;
  std::string_view request_line;  // what was received of it, unescaped; may be empty
  int status;                     // sent to the client, 0: closed without an answer
  std::uint64_t bytes_sent;
  base::TimePoint began;
};

// One a worker and daemon: makes exchanges. Outlives all connections of its worker.
class Service {
 public:
  virtual ~Service() = default;
  virtual std::unique_ptr<Exchange> open(net::TaskOwner& owner, Stream stream) = 0;
  virtual void rejected(const Rejected& what) = 0;
  // A limit or time-out of the connection was reached, a handshake failed …: to be counted and logged by row.
  virtual void noticed(const base::Reason& what, const ConnectionInfo& connection) = 0;
  // Head and body of an error that the connection answers itself, e.g. own error pages. Default: short HTML.
  virtual void error_answer(const base::Error& error, ResponseHead& head, std::string& body);
};

}  // namespace http
