// SPDX-License-Identifier: BSD-2-Clause
#include "http/http1_server.h"

#include "http/handshake.h"
#include "http/http1_connection.h"

namespace http {
namespace {
constexpr std::size_t free_stream_limit = 256;
constexpr std::size_t shed_limit = 512;  // connections a time
}

ClientConnections::ClientConnections(net::EventLoop& loop, Service& service, ServerOptions options)
    : loop_(loop), service_(service), options_(options) {}

ClientConnections::~ClientConnections() = default;

ClientConnection& ClientConnections::own(std::unique_ptr<ClientConnection> connection, std::uint32_t listener) {
  ClientConnection& owned = *connection;
  if (draining_) owned.drain();
  connections_.emplace(&owned, Owned{std::move(connection), listener});
  if (count_hook_) count_hook_(connections_.size());
  return owned;
}

void ClientConnections::adopt(std::unique_ptr<net::Transport> transport, const ListenerInfo& listener, std::shared_ptr<void> hold) {
  ConnectionInfo info;
  info.hold = std::move(hold);
  info.listener = &listener;
  info.serial = first_serial_ + ++accepted_;
  info.accepted = loop_.now();
  info.peer = &transport->peer();
  if (listener.tls || (listener.http2 && listener.http1)) {
    own(std::make_unique<Handshake>(loop_, *this, std::move(transport), std::move(info)), listener.id);
  } else {
    established(std::move(transport), {}, std::move(info), listener.http2);
  }
}

ClientConnection& ClientConnections::established(std::unique_ptr<net::Transport> transport, net::Buffer already_read, ConnectionInfo info, bool http2) {
  const std::uint32_t listener = info.listener->id;
  if (http2 && http2_) return own(http2_(loop_, *this, std::move(transport), std::move(already_read), std::move(info)), listener);
  return own(std::make_unique<Http1Connection>(loop_, *this, std::move(transport), std::move(already_read), std::move(info)), listener);
}

void ClientConnections::drain() {
  draining_ = true;
  for (auto& [key, owned] : connections_) owned.connection->drain();
}

void ClientConnections::drain(std::uint32_t listener) {
  for (auto& [key, owned] : connections_)
    if (owned.listener == listener) owned.connection->drain();
}

void ClientConnections::close_all() {
  for (auto& [key, owned] : connections_) owned.connection->shut();
}

std::unique_ptr<Http1Stream> ClientConnections::take_stream() {
  if (free_streams_.empty()) return std::make_unique<Http1Stream>();
  auto stream = std::move(free_streams_.back());
  free_streams_.pop_back();
  return stream;
}

void ClientConnections::give_back(std::unique_ptr<Http1Stream> stream) {
  if (free_streams_.size() >= free_stream_limit) return;
  stream->clear();
  free_streams_.push_back(std::move(stream));
}

void ClientConnections::waits_for(ClientConnection& connection) {
  if (waiting_.empty() && wait_hook_) wait_hook_();
  link(connection).unlink();
  connection.waits_since_ = loop_.now();
  waiting_.push_back(connection);
}

std::size_t ClientConnections::shed(std::size_t bytes, base::Duration patience) {
  const base::TimePoint before = loop_.now() - patience;
  std::size_t readers = 0, freed = 0;
  for (std::size_t i = 0; i < shed_limit && freed < bytes; ++i) {
    ClientConnection* connection = waiting_.first();
    if (!connection || connection->waits_since_ > before) break;
    const ClientConnection::Shed got = connection->shed(before);
    readers += got.readers;
    freed += got.bytes;
    waits_for(*connection);  // what is left of it has its turn after the others
  }
  return readers;
}

void ClientConnections::reap(net::Task& child) {
  connections_.erase(&child);
  if (count_hook_) count_hook_(connections_.size());
}

}  // namespace http
