// SPDX-License-Identifier: BSD-2-Clause
#include "http/relay.h"

namespace http {

Framing request_framing(const RequestBody& body) {
  if (const auto length = body.length()) {
    if (*length == 0) return {};
    return {Framing::Kind::length, *length};
  }
  return {Framing::Kind::chunked, 0};
}

std::optional<std::uint64_t> answer_length(const Lease& lease, const ResponseHead& head, Method method) {
  if (method == Method::head || head.status() == 304) {
    // What a GET would have had; the parser has checked its syntax.
    const auto declared = head.get(Token::content_length);
    if (!declared) return std::nullopt;
    std::uint64_t n = 0;
    for (const char c : *declared) n = n * 10 + static_cast<std::uint64_t>(c - '0');
    return n;
  }
  return lease.length();
}

Relay::Outcome Relay::pump_request(Stream& stream, Lease& lease) {
  RequestBody& body = *stream.body;
  if (lease.body_finished()) return Outcome::flowing;
  while (body.available() > 0) {
    const std::size_t room = lease.writable();
    if (room == 0) return Outcome::flowing;
    net::Buffer piece;
    body.pull(piece, room);
    request_bytes_ += piece.size();
    lease.send_body(piece);
  }
  if (body.state() == RequestBody::State::failed) return Outcome::request_failed;
  if (body.state() == RequestBody::State::complete && lease.state() != Lease::State::connecting) lease.finish_body(body.trailers());
  return Outcome::flowing;
}

Relay::Outcome Relay::pump(Stream& stream, Lease& lease) {
  ResponseSink& sink = *stream.sink;
  if (sink.gone()) return Outcome::client_gone;
  const Outcome request = pump_request(stream, lease);
  while (lease.available() > 0) {
    const std::size_t room = sink.writable();
    if (room == 0) break;
    net::Buffer piece;
    lease.pull(piece, room);
    sink.data(piece);
    if (sink.gone()) return Outcome::client_gone;
  }
  if (lease.available() > 0) return Outcome::flowing;
  if (lease.state() == Lease::State::complete) {
    sink.end(lease.trailers());
    return Outcome::answered;
  }
  if (lease.state() == Lease::State::failed) return Outcome::upstream_failed;
  // A request that breaks off cannot be completed upstream, whatever has been answered so far.
  return request == Outcome::request_failed ? Outcome::request_failed : Outcome::flowing;
}

}  // namespace http
