// SPDX-License-Identifier: BSD-2-Clause
#include "http/upstream_pool.h"

#include <algorithm>

#include "http/upstream_connection.h"
#include "net/event_loop.h"

namespace http {

// --- Lease ---

Lease::~Lease() {
  if (connection_) connection_->abandon();
}

void Lease::fail(const base::Error& error) {
  state_ = State::failed;
  error_ = error;
}

void Lease::send_head(const RequestHead& head, const Framing& framing, bool upgrade_websocket) {
  if (head_sent_) return;
  head_sent_ = true;
  if (connection_) connection_->send_head(head, framing, upgrade_websocket);
}

std::size_t Lease::writable() const { return connection_ ? connection_->writable() : 0; }

void Lease::send_body(net::Buffer& from, std::size_t max) {
  if (connection_) connection_->send_body(from, max);
  else from.consume(std::min(max, from.size()));  // the transaction is over: nobody wants it
}

void Lease::finish_body(const Head* trailers) {
  if (body_finished_) return;
  body_finished_ = true;
  if (connection_) connection_->finish_body(trailers);
}

ResponseHead Lease::take_interim() {
  ResponseHead head = std::move(interim_.front());
  interim_.erase(interim_.begin());
  return head;
}

ResponseHead Lease::take_head() {
  head_ready_ = false;
  return std::move(head_);
}

void Lease::pull(net::Buffer& into, std::size_t max) {
  if (body_.empty()) return;
  into.take(body_, max);
  if (connection_) connection_->body_pulled();
}

// --- UpstreamPool ---

UpstreamPool::UpstreamPool(net::EventLoop& loop, Connector connector) : loop_(loop), connector_(std::move(connector)) {}

UpstreamPool::~UpstreamPool() {
  // Destructors unlink from servers_, which must therefore still be there.
  while (!connections_.empty()) connections_.erase(connections_.begin());
}

std::unique_ptr<Lease> UpstreamPool::lease(std::shared_ptr<const Endpoint> endpoint, net::Task& user, Method method, Reuse reuse,
                                           std::unique_ptr<SlotHold> slot) {
  std::unique_ptr<Lease> lease(new Lease(endpoint, user));
  UpstreamConnection* const idle = find_idle(*endpoint, reuse);
  if (counts(*endpoint)) {
    Server& server = servers_[endpoint.get()];
    ++server.busy;
    server.note_busy(loop_.now());
  }
  if (idle) {
    idle->begin(*lease, method, std::move(slot));
    return lease;
  }
  auto fresh = std::make_unique<UpstreamConnection>(loop_, *this, std::move(endpoint));
  UpstreamConnection& connection = *fresh;
  connections_.emplace(&connection, std::move(fresh));
  connection.begin(*lease, method, std::move(slot));
  connection.connect();
  return lease;
}

UpstreamConnection* UpstreamPool::find_idle(const Endpoint& endpoint, Reuse reuse) {
  if (reuse == Reuse::none) return nullptr;
  const auto found = servers_.find(&endpoint);
  if (found == servers_.end()) return nullptr;
  const IdleList& list = found->second.idle;
  for (auto it = list.rbegin(); it != list.rend(); ++it) {
    if (!(*it)->usable()) continue;
    if (reuse == Reuse::fresh && loop_.now() - (*it)->idle_since() >= std::chrono::seconds(1)) return nullptr;  // older ones follow
    return *it;
  }
  return nullptr;
}

// What keeps no idle connection, or is forgotten, has no entry.
bool UpstreamPool::counts(const Endpoint& endpoint) { return endpoint.keepalive > 0 && !endpoint.gone.load(std::memory_order_relaxed); }

UpstreamPool::Kept UpstreamPool::became_idle(UpstreamConnection& connection) {
  const Endpoint& endpoint = connection.endpoint();
  if (!counts(endpoint)) {
    ended_busy(endpoint);
    connection.close();
    return Kept::closed;
  }
  Server& server = servers_[&endpoint];
  server.note_busy(loop_.now());
  const bool crowd = server.idle.size() + server.busy <= server.recent_peak(loop_.now());
  if (server.busy > 0) --server.busy;
  const bool surplus = endpoint.idle.fetch_add(1, std::memory_order_relaxed) >= endpoint.keepalive;
  if (surplus && !crowd) {
    endpoint.idle.fetch_sub(1, std::memory_order_relaxed);
    connection.close();
    return Kept::closed;
  }
  server.idle.push_back(&connection);
  ++idle_;
  return surplus ? Kept::surplus : Kept::idle;
}

void UpstreamPool::ended_busy(const Endpoint& endpoint) {
  if (const auto found = servers_.find(&endpoint); found != servers_.end() && found->second.busy > 0) --found->second.busy;
}

void UpstreamPool::Server::note_busy(base::TimePoint now) {
  if (now - second < std::chrono::seconds(1)) {
    peak = std::max(peak, busy);
    return;
  }
  peak_before = recent_peak(now);
  peak = busy;
  second = now;
}

std::size_t UpstreamPool::Server::recent_peak(base::TimePoint now) const {
  if (now - second < std::chrono::seconds(1)) return std::max(peak, peak_before);
  return now - second < std::chrono::seconds(2) ? peak : 0;
}

void UpstreamPool::left_idle(UpstreamConnection& connection) {
  const Endpoint& endpoint = connection.endpoint();
  const auto found = servers_.find(&endpoint);
  if (found == servers_.end()) return;
  IdleList& list = found->second.idle;
  const auto at = std::find(list.rbegin(), list.rend(), &connection);
  if (at == list.rend()) return;
  list.erase(std::next(at).base());
  --idle_;
  endpoint.idle.fetch_sub(1, std::memory_order_relaxed);
}

void UpstreamPool::close_list(IdleList& list) {
  while (!list.empty()) {
    UpstreamConnection& connection = *list.back();
    left_idle(connection);
    connection.close();
  }
}

void UpstreamPool::close_idle() {
  for (auto& [endpoint, server] : servers_) close_list(server.idle);
}

void UpstreamPool::close_idle(const Endpoint& endpoint) {
  if (const auto found = servers_.find(&endpoint); found != servers_.end()) close_list(found->second.idle);
}

void UpstreamPool::forget(const Endpoint& endpoint) {
  endpoint.gone.store(true, std::memory_order_relaxed);
  close_idle(endpoint);
  servers_.erase(&endpoint);
}

void UpstreamPool::reap(net::Task& child) { connections_.erase(&child); }

}  // namespace http
