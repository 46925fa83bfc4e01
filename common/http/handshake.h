// SPDX-License-Identifier: BSD-2-Clause
// The beginning of a connection whose protocol is not known yet: the TLS handshake with ALPN, or the first bytes on a plain
// listener that speaks both HTTP/1 and HTTP/2 (RFC 9113 3.4). Owner: ClientConnections; hands the transport on and closes.
#pragma once

#include "http/http1_server.h"

namespace http {

class Handshake final : public ClientConnection {
 public:
  Handshake(net::EventLoop& loop, ClientConnections& owner, std::unique_ptr<net::Transport> transport, ConnectionInfo info);
  void drain() override { drained_ = true; }  // the protocol that follows is drained
  void shut() override;
  bool idle() const override { return true; }
  Shed shed(base::TimePoint) override { return {}; }

 protected:
  Step run() override;

 private:
  Step fail(const base::ReasonRow& row, std::string_view subject);
  enum class Sniffed { http1, http2, later, gone };
  Sniffed sniff();  // what the first bytes tell

  ClientConnections& owner_;
  std::unique_ptr<net::Transport> transport_;
  ConnectionInfo info_;
  net::Buffer in_;
  bool established_ = false;
  bool drained_ = false;
};

}  // namespace http
