// SPDX-License-Identifier: BSD-2-Clause
// The client side: accepted transports become connections, connections make exchanges through the Service. One
// ClientConnections a worker owns all of that worker's client connections, whichever protocol they speak.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/list.h"
#include "http/body_decoder.h"
#include "http/exchange.h"
#include "http/http1_parser.h"
#include "net/event_loop.h"
#include "net/transport.h"

namespace http {

// Limits of client connections. Sizes in bytes.
struct ServerOptions {
  HeadLimits head;
  BodyLimits body;
  std::uint64_t body_size = 256ULL << 20;                    // default of RequestBody::set_limit; 413
  base::Duration handshake_timeout = std::chrono::seconds(10);
  base::Duration header_timeout = std::chrono::seconds(10);  // first byte of a head to its last: 408
  base::Duration body_timeout = std::chrono::seconds(60);    // between two reads of a request body: 408
  base::Duration idle_timeout = std::chrono::seconds(60);    // between requests
  base::Duration write_timeout = std::chrono::seconds(60);   // no progress sending an answer
  // What a body or an answer must move at least, in bytes a second, on average over its time-out; 0: nothing. Half a kilobyte would be
  // asked too much where several transfers share a telephone's slowest link.
  std::uint64_t min_body_rate = 250;
  std::uint64_t min_write_rate = 250;
  base::Duration tunnel_timeout = std::chrono::hours(1);
  std::uint64_t buffers = 256ULL << 20;                      // all blocks of the process, see net::MemoryBudget
  std::size_t request_buffer = 64 * 1024;    // body bytes held before reading pauses
  std::size_t response_buffer = 128 * 1024;  // answer bytes held before the exchange is asked to wait
  std::size_t collect_http10 = 1024 * 1024;  // answers of unknown length to HTTP/1.0 clients (see common/README.md)
  std::size_t linger_bytes = 64 * 1024;
  base::Duration linger_time = std::chrono::seconds(2);
};

class ClientConnections;

struct WaitingTag {};

// A client connection of any protocol.
class ClientConnection : public net::Task, public base::Recycled, private base::ListLink<WaitingTag> {
 public:
  // What giving up readers gave.
  struct Shed {
    std::size_t readers = 0;
    std::size_t bytes = 0;  // held for them, about
  };
  ~ClientConnection() override = default;
  // Idle: closes soon. Busy: finishes its exchanges, then closes (Connection: close; GOAWAY).
  virtual void drain() = 0;
  // Closes now; running exchanges see the client gone.
  virtual void shut() = 0;
  virtual bool idle() const = 0;
  // Memory is short: gives up answers of which the client has taken nothing since then.
  virtual Shed shed(base::TimePoint since) = 0;

 protected:
  using net::Task::Task;

 private:
  friend class ClientConnections;
  friend class base::List<ClientConnection, WaitingTag>;
  base::TimePoint waits_since_{};
};

// Makes an HTTP/2 connection from an established transport and the bytes already read from it (common/http2 provides it).
using Http2Factory = std::function<std::unique_ptr<ClientConnection>(net::EventLoop&, ClientConnections&, std::unique_ptr<net::Transport>,
                                                                    net::Buffer already_read, ConnectionInfo)>;

class Http1Stream;

class ClientConnections final : public net::TaskOwner {
 public:
  ClientConnections(net::EventLoop& loop, Service& service, ServerOptions options);
  ~ClientConnections();
  void set_http2(Http2Factory factory) { http2_ = std::move(factory); }
  // Connection serials begin here, so that they are unique in the process.
  void set_first_serial(std::uint64_t serial) { first_serial_ = serial; }
  void set_options(const ServerOptions& options) { options_ = options; }
  // Called with count() after it changed, to balance load and to see the end of a drain. It must not end connections.
  void set_count_hook(std::function<void(std::size_t)> hook) { count_hook_ = std::move(hook); }
  // Called when an answer begins to wait for its client and no other did.
  void set_wait_hook(std::function<void()> hook) { wait_hook_ = std::move(hook); }
  // `listener` must outlive the connection; `hold` is released when it ends.
  void adopt(std::unique_ptr<net::Transport> transport, const ListenerInfo& listener, std::shared_ptr<void> hold = {});
  void drain();      // no connection stays open longer than its exchanges
  void drain(std::uint32_t listener);  // those of one listener (ListenerInfo::id)
  void close_all();  // now
  bool draining() const { return draining_; }
  std::size_t count() const { return connections_.size(); }
  std::uint64_t accepted() const { return accepted_; }

  // For the connections:
  Service& service() { return service_; }
  const ServerOptions& options() const { return options_; }
  std::unique_ptr<Http1Stream> take_stream();         // from the free list
  void give_back(std::unique_ptr<Http1Stream> stream);
  void reap(net::Task& child) override;
  // An answer waits for the connection's client: as of now it has taken nothing; nothing waits for it any more.
  void waits_for(ClientConnection& connection);
  void waits_no_more(ClientConnection& connection) { link(connection).unlink(); }
  bool waiting_for(ClientConnection& connection) { return link(connection).linked(); }
  bool anybody_waits() const { return !waiting_.empty(); }
  // Memory is short: gives up the readers that have taken nothing for the longest, at least for `patience`, until about so many
  // bytes are free. Returns how many they were.
  std::size_t shed(std::size_t bytes, base::Duration patience);
  // The handshake is over: continues as HTTP/1 or HTTP/2.
  ClientConnection& established(std::unique_ptr<net::Transport> transport, net::Buffer already_read, ConnectionInfo info, bool http2);

 private:
  struct Owned {
    std::unique_ptr<ClientConnection> connection;
    std::uint32_t listener;
  };
  static base::ListLink<WaitingTag>& link(ClientConnection& connection) { return connection; }
  ClientConnection& own(std::unique_ptr<ClientConnection> connection, std::uint32_t listener);

  net::EventLoop& loop_;
  Service& service_;
  ServerOptions options_;
  Http2Factory http2_;
  std::function<void(std::size_t)> count_hook_;
  std::function<void()> wait_hook_;
  // Those of whose answers something waits for the client, since the longest first. Outlives the connections.
  base::List<ClientConnection, WaitingTag> waiting_;
  std::unordered_map<net::Task*, Owned> connections_;
  std::vector<std::unique_ptr<Http1Stream>> free_streams_;
  std::uint64_t accepted_ = 0;
  std::uint64_t first_serial_ = 0;
  bool draining_ = false;
};

}  // namespace http
