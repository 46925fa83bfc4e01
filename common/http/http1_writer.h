// SPDX-License-Identifier: BSD-2-Clause
// Serialises heads and bodies in framing of our own making. The caller has removed hop-by-hop fields (hop_by_hop.h); the
// writer skips Content-Length, Transfer-Encoding, Connection, Keep-Alive, Trailer and Upgrade of the head and writes its own. Worker thread.
#pragma once

#include "http/head.h"
#include "http/http1_parser.h"
#include "net/buffer.h"

namespace http {

enum class ConnectionField : std::uint8_t { none, close, keep_alive, upgrade_websocket };

// `authority_form` never leaves: the target is head.target(). HTTP/1.1 always.
void write_request_head(net::Buffer& out, const RequestHead& head, const Framing& framing, ConnectionField connection);
// The version in the status line is always HTTP/1.1 (RFC 9110 6.2). Framing::length with HEAD or 304 writes the length and no body follows.
void write_response_head(net::Buffer& out, const ResponseHead& head, const Framing& framing, ConnectionField connection);
// One chunk holding the first `max` bytes of `body` (by reference), or the last chunk with trailers.
void write_chunk(net::Buffer& out, net::Buffer& body, std::size_t max);
void write_last_chunk(net::Buffer& out, const Head* trailers);

}  // namespace http
