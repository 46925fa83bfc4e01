// SPDX-License-Identifier: BSD-2-Clause
#include "http/handshake.h"

#include <cstring>

#include "http/engine_reasons.h"

namespace http {

Handshake::Handshake(net::EventLoop& loop, ClientConnections& owner, std::unique_ptr<net::Transport> transport, ConnectionInfo info)
    : ClientConnection(loop, owner), owner_(owner), transport_(std::move(transport)), info_(std::move(info)) {
  transport_->attach(*this);
  set_deadline_after(owner.options().handshake_timeout);
  ring();
}

void Handshake::shut() {
  transport_.reset();
  ring();
}

net::Task::Step Handshake::fail(const base::ReasonRow& row, std::string_view subject) {
  const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(owner_.options().handshake_timeout).count();
  owner_.service().noticed({&row, limit, 0, subject}, info_);
  return Step::closed;
}

net::Task::Step Handshake::run() {
  if (!transport_) return Step::closed;
  if (deadline_passed()) return fail(reasons::client_handshake_timeout, {});
  if (!established_) {
    const net::IoResult result = transport_->establish();
    if (result.state == net::IoState::blocked) return Step::wait;
    if (result.state != net::IoState::done) {
      const std::string why = result.state == net::IoState::eof ? "the client closed" : transport_->failure();
      return fail(reasons::client_handshake_failed, why.empty() ? std::strerror(result.error) : std::string_view(why));
    }
    established_ = true;
  }
  bool http2 = info_.peer->alpn == "h2";
  if (!info_.listener->tls) {
    const Sniffed sniffed = sniff();
    if (sniffed == Sniffed::later) return Step::wait;
    if (sniffed == Sniffed::gone) return Step::closed;
    http2 = sniffed == Sniffed::http2;
  }
  ClientConnection& connection = owner_.established(std::move(transport_), std::move(in_), std::move(info_), http2);
  if (drained_) connection.drain();
  return Step::closed;
}

Handshake::Sniffed Handshake::sniff() {
  static constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  while (in_.size() < preface.size()) {
    const std::string_view have = in_.empty() ? std::string_view{} : in_.pull_up(in_.size());
    if (!preface.starts_with(have)) break;
    const net::IoResult got = transport_->read(in_, 16 * 1024);
    if (got.state == net::IoState::failed) return Sniffed::gone;  // nothing would ring again
    if (got.bytes == 0) return transport_->peer_closed() ? Sniffed::gone : Sniffed::later;
  }
  return in_.pull_up(std::min(in_.size(), preface.size())) == preface ? Sniffed::http2 : Sniffed::http1;
}

}  // namespace http
