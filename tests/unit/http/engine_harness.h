// SPDX-License-Identifier: BSD-2-Clause
// A client, a proxying service and a scripted server on one loop with a simulated clock: whole connection pairs without a
// socket. Used by the engine's unit tests.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "http/engine_reasons.h"
#include "http/http1_server.h"
#include "http/relay.h"
#include "net/event_loop.h"

namespace engine_test {

// One end of a memory pair, used by hand.
class Wire final : public net::Task, public net::TaskOwner {
 public:
  Wire(net::EventLoop& loop, std::unique_ptr<net::Transport> transport) : Task(loop, *this), transport_(std::move(transport)) {
    transport_->attach(*this);
  }
  ~Wire() override = default;
  void send(std::string_view bytes) {
    out_.append(bytes);
    flush();
  }
  // Bytes not yet accepted by the other side.
  std::size_t unsent() const { return out_.size(); }
  void finish() { transport_->shutdown_write(); }
  void close() { transport_.reset(); }
  void flush() {
    while (!out_.empty() && transport_->write(out_).state == net::IoState::done) {
    }
  }
  // Everything received so far.
  const std::string& received() {
    read();
    return received_;
  }
  // Takes what was received.
  std::string take() {
    read();
    return std::exchange(received_, {});
  }
  bool ended() {
    read();
    return ended_;
  }
  void pause() { paused_ = true; }
  void reap(net::Task&) override {}

 protected:
  Step run() override {
    if (transport_) flush();
    return Step::wait;
  }

 private:
  void read() {
    while (transport_ && !ended_ && !paused_) {
      net::Buffer in;
      const net::IoResult result = transport_->read(in, 64 * 1024);
      received_ += in.text();
      if (result.state == net::IoState::eof || result.state == net::IoState::failed) ended_ = true;
      if (result.state != net::IoState::done) break;
    }
  }
  std::unique_ptr<net::Transport> transport_;
  net::Buffer out_;
  std::string received_;
  bool ended_ = false, paused_ = false;
};

// Forwards everything to one endpoint; keeps the ends of its exchanges.
class Proxy final : public http::Service {
 public:
  Proxy(net::EventLoop& loop, http::UpstreamPool& pool, std::shared_ptr<http::Endpoint> endpoint)
      : loop_(loop), pool_(pool), endpoint_(std::move(endpoint)) {}
  std::unique_ptr<http::Exchange> open(net::TaskOwner& owner, http::Stream stream) override;
  void rejected(const http::Rejected& what) override { rejections.push_back(what.error.reason.row->name); }
  void noticed(const base::Reason& what, const http::ConnectionInfo&) override { notices.push_back(what.row->name); }

  std::vector<std::string> ends, rejections, notices;
  bool held_slots() const { return slots > 0; }
  int slots = 0;
  std::size_t body_first = 0;  // so much of a body is awaited before the server is asked

 private:
  friend class ProxyExchange;
  net::EventLoop& loop_;
  http::UpstreamPool& pool_;
  std::shared_ptr<http::Endpoint> endpoint_;
};

class CountedSlot final : public http::SlotHold {
 public:
  explicit CountedSlot(int& count) : count_(count) { ++count_; }
  ~CountedSlot() override { --count_; }

 private:
  int& count_;
};

class ProxyExchange final : public http::Exchange {
 public:
  ProxyExchange(Proxy& proxy, net::EventLoop& loop, net::TaskOwner& owner, http::Stream stream)
      : Exchange(loop, owner, std::move(stream)), proxy_(proxy) {}
  ~ProxyExchange() override { lease_.reset(); }

 protected:
  Step run() override {
    using Outcome = http::Relay::Outcome;
    const http::RequestBody& body = *stream_.body;
    if (!lease_ && body.state() == http::RequestBody::State::open && body.available() < proxy_.body_first && !body.stalled()) return Step::wait;
    if (!lease_) {
      const auto& head = stream_.head;
      const bool repeatable = http::is_safe(head.method()) && stream_.body->none();
      lease_ = proxy_.pool_.lease(proxy_.endpoint_, *this, head.method(), repeatable ? http::Reuse::any : http::Reuse::fresh,
                                  std::make_unique<CountedSlot>(proxy_.slots));
      lease_->send_head(head, http::request_framing(*stream_.body), stream_.upgrade_websocket);
    }
    if (stream_.sink->ended()) return finish(http::reasons::finished);
    if (stream_.sink->gone()) return finish(http::reasons::client_left);
    while (lease_->interim_ready()) {
      const http::ResponseHead head = lease_->take_interim();
      if (head.status() == 100) stream_.body->start();
      else stream_.sink->informational(head);
    }
    if (lease_->head_ready()) {
      http::ResponseHead head = lease_->take_head();
      const auto length = http::answer_length(*lease_, head, stream_.head.method());
      if (lease_->must_close()) stream_.sink->close_after();
      if (lease_->state() == http::Lease::State::tunnel) stream_.sink->switch_to_tunnel(std::move(head));
      else stream_.sink->head(std::move(head), length);
    }
    const Outcome outcome = stream_.sink->committed() ? relay_.pump(stream_, *lease_) : relay_.pump_request(stream_, *lease_);
    if (outcome == Outcome::client_gone) return finish(http::reasons::client_left);
    if (outcome == Outcome::request_failed) return refuse(stream_.body->error());
    if (outcome == Outcome::upstream_failed || lease_->state() == http::Lease::State::failed) return refuse(lease_->error());
    if (stream_.sink->ended()) return finish(http::reasons::finished);
    return Step::wait;
  }

 private:
  Step finish(const base::ReasonRow& row) {
    if (stream_.sink->ended() && !stream_.sink->settled()) return Step::wait;
    if (!end_recorded()) record_end({reason_ ? reason_ : &row});
    proxy_.ends.push_back(end_reason().row->name);
    return Step::closed;
  }
  Step refuse(const base::Error& error) {
    reason_ = error.reason.row;
    if (stream_.sink->committed()) {
      stream_.sink->abort();
    } else {
      http::ResponseHead head;
      std::string body;
      proxy_.error_answer(error, head, body);
      stream_.sink->head(std::move(head), body.size());
      net::Buffer bytes;
      bytes.append(body);
      stream_.sink->data(bytes);
      stream_.sink->end();
    }
    return finish(*reason_);
  }
  Proxy& proxy_;
  std::unique_ptr<http::Lease> lease_;
  http::Relay relay_;
  const base::ReasonRow* reason_ = nullptr;
};

inline std::unique_ptr<http::Exchange> Proxy::open(net::TaskOwner& owner, http::Stream stream) {
  return std::make_unique<ProxyExchange>(*this, loop_, owner, std::move(stream));
}

// The whole: client wires made by client(), server ends appear in servers.
struct Bench {
  explicit Bench(http::ServerOptions options = {}, std::size_t capacity = 64 * 1024)
      : loop(clock), pool(loop, [this](net::EventLoop&, const net::Address&) { return connect(); }), endpoint(std::make_shared<http::Endpoint>()),
        proxy(loop, pool, endpoint), connections(loop, proxy, options), capacity_(capacity) {
    endpoint->name = "app/s1";
  }
  ~Bench() {
    connections.close_all();
    settle();
  }
  std::unique_ptr<Wire> client() {
    auto pair = net::make_memory_pair(loop, capacity_);
    auto wire = std::make_unique<Wire>(loop, std::move(pair.a));
    connections.adopt(std::move(pair.b), listener);
    return wire;
  }
  base::Result<std::unique_ptr<net::Transport>> connect() {
    if (refuse_connections) {
      return std::unexpected(base::Error{{&http::reasons::upstream_connect_refused, 0, 0, {}}, base::Side::upstream, true, 111});
    }
    auto pair = net::make_memory_pair(loop, capacity_);
    servers.push_back(std::make_unique<Wire>(loop, std::move(pair.a)));
    return std::move(pair.b);
  }
  void settle() { loop.drain(); }
  void pass(base::Duration time) {
    clock.advance(time);
    loop.turn(false);
    settle();
  }

  base::FakeClock clock;
  net::EventLoop loop;
  std::deque<std::unique_ptr<Wire>> servers;
  bool refuse_connections = false;
  http::UpstreamPool pool;
  std::shared_ptr<http::Endpoint> endpoint;
  Proxy proxy;
  http::ListenerInfo listener;
  http::ClientConnections connections;

 private:
  std::size_t capacity_;
};

}  // namespace engine_test
