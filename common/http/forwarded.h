// SPDX-License-Identifier: BSD-2-Clause
// Who asks, and how: the trust walk over X-Forwarded-* and Forwarded (RFC 7239), and the fields for the next tier. A peer that is not
// trusted says nothing about its client. Pure; any thread. (Networks are declared only: decisions may include this.)
#pragma once

#include <string>
#include <string_view>

#include "base/recycled.h"
#include "http/head.h"

namespace net {
class Address;
class NetworkList;
}  // namespace net

namespace http {

struct EffectiveClient {
  base::RecycledString ip;             // the right-most address that is not a trusted proxy's; the peer's own if there is none ("unix:" for Unix)
  bool peer_trusted = false;  // only then the following may differ from the connection's own facts
  bool https = false;         // X-Forwarded-Proto or Forwarded's proto of the nearest hop, else the listener's
  base::RecycledString host;  // X-Forwarded-Host or Forwarded's host, if trusted and valid; else empty
  base::RecycledString port;  // X-Forwarded-Port if trusted and a port; else empty
};

// `listener_https`: the connection itself is TLS.
EffectiveClient effective_client(const RequestHead& head, const net::Address& peer, const net::NetworkList& trusted, bool listener_https);

// Removes what only a trusted peer may say: X-Forwarded-*, X-Real-IP, Forwarded, X-Request-ID, Client-Cert, Client-Cert-Chain.
void strip_claims(Head& head);
// Removes also identity fields that only an authenticating front may set: Remote-User, X-Remote-User, X-Forwarded-User.
void strip_identity_claims(Head& head);

// The front's fields, replacing whatever was there.
struct ForwardedSet {
  std::string_view client_ip;
  bool https = false;
  std::string_view host;   // as the client sent it, with port
  std::string_view port;   // of the listener, or what a trusted peer named
  std::string_view by;     // obfuscated identifier such as "_front"; empty: no `by`
};
void set_forwarded(Head& head, const ForwardedSet& set);
// For tiers behind the front, where they are told to.
void append_forwarded_for(Head& head, std::string_view peer_ip);

// One node of X-Forwarded-For or Forwarded's for: address without port, brackets and quotes; empty if it is none ("unknown", "_x").
std::string_view forwarded_address(std::string_view node);

}  // namespace http
