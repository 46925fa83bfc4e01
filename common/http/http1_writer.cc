// SPDX-License-Identifier: BSD-2-Clause
#include "http/http1_writer.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "base/pen.h"

namespace http {

using base::Pen;

namespace {

// Framing and hop-by-hop fields that are written anew.
constexpr TokenSet own_fields{Token::content_length, Token::transfer_encoding, Token::connection, Token::keep_alive,
                              Token::proxy_connection, Token::trailer, Token::upgrade};

constexpr std::size_t extra_room = 256;  // start line's fixed parts and our own fields

std::size_t fields_size(const Head& head) {
  std::size_t n = 0;
  for (const auto& f : head.fields()) n += f.name_size + f.value_size + std::size_t{4};
  return n;
}

// Lines that lie one after the other in the block are copied together: an unedited head is a handful of copies.
void write_fields(Pen& pen, const Head& head, const TokenSet& skipped) {
  const auto block = head.block();
  std::size_t run_at = 0, run_end = 0;
  for (const auto& f : head.fields()) {
    if (skipped.contains(f.token)) continue;
    if (f.is_line) {
      if (run_end != f.name || run_end == 0) {
        pen.text(block.substr(run_at, run_end - run_at));
        run_at = f.name;
      }
      run_end = std::size_t{f.value} + f.value_size + 2;
      continue;
    }
    pen.text(block.substr(run_at, run_end - run_at));
    run_at = run_end = 0;
    pen.text(head.name(f));
    pen.text(": ");
    pen.text(head.value(f));
    pen.text("\r\n");
  }
  pen.text(block.substr(run_at, run_end - run_at));
}

void write_length(Pen& pen, std::uint64_t length) {
  pen.text("Content-Length: ");
  pen.number(length);
  pen.text("\r\n");
}

// `te`: the head has TE, which RFC 9110 10.1.4 wants to be named.
void write_connection(Pen& pen, ConnectionField connection, bool te = false) {
  if (connection == ConnectionField::none && !te) return;
  pen.text("Connection: ");
  switch (connection) {
    case ConnectionField::none: break;
    case ConnectionField::close: pen.text("close"); break;
    case ConnectionField::keep_alive: pen.text("keep-alive"); break;
    case ConnectionField::upgrade_websocket: pen.text("upgrade"); break;
  }
  if (te) pen.text(connection == ConnectionField::none ? "TE" : ", TE");
  pen.text(connection == ConnectionField::upgrade_websocket ? "\r\nUpgrade: websocket\r\n" : "\r\n");
}

void finish(net::Buffer& out, const std::span<char>& room, const Pen& pen) {
  const auto n = static_cast<std::size_t>(pen.at - room.data());
  CHECK(n <= room.size());
  out.commit(n);
}

bool expects_body(Method m) { return m == Method::post || m == Method::put || m == Method::patch; }

}  // namespace

void write_request_head(net::Buffer& out, const RequestHead& head, const Framing& framing, ConnectionField connection) {
  const auto room = out.reserve(head.method_name().size() + head.target().size() + fields_size(head) + extra_room);
  Pen pen{room.data()};
  pen.text(head.method_name());
  pen.text(" ");
  pen.text(head.target());
  pen.text(" HTTP/1.1\r\n");
  write_fields(pen, head, own_fields);
  if (framing.kind == Framing::Kind::chunked) pen.text("Transfer-Encoding: chunked\r\n");
  else if (framing.kind == Framing::Kind::length) write_length(pen, framing.length);
  else if (expects_body(head.method())) write_length(pen, 0);  // RFC 9110 8.6
  write_connection(pen, connection, head.has(Token::te));
  pen.text("\r\n");
  finish(out, room, pen);
}

void write_response_head(net::Buffer& out, const ResponseHead& head, const Framing& framing, ConnectionField connection) {
  const auto reason = reason_phrase(head.status());
  const auto room = out.reserve(reason.size() + fields_size(head) + extra_room);
  const bool never_body = head.interim() || head.status() == 204;
  Pen pen{room.data()};
  pen.text("HTTP/1.1 ");
  pen.number(head.status());
  pen.text(" ");
  pen.text(reason);
  pen.text("\r\n");
  write_fields(pen, head, own_fields);
  if (!never_body && framing.kind == Framing::Kind::chunked) pen.text("Transfer-Encoding: chunked\r\n");
  if (!never_body && framing.kind == Framing::Kind::length) write_length(pen, framing.length);
  write_connection(pen, connection);
  pen.text("\r\n");
  finish(out, room, pen);
}

void write_chunk(net::Buffer& out, net::Buffer& body, std::size_t max) {
  const auto n = std::min(max, body.size());
  if (n == 0) return;  // an empty chunk would end the body
  char line[20];
  char* end = std::to_chars(line, line + 16, n, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out.append({line, static_cast<std::size_t>(end - line)});
  out.take(body, n);
  out.append("\r\n");
}

void write_last_chunk(net::Buffer& out, const Head* trailers) {
  static constexpr TokenSet none{Token::connection, Token::content_length, Token::transfer_encoding, Token::trailer, Token::host};
  if (trailers == nullptr || trailers->fields().empty()) {
    out.append("0\r\n\r\n");
    return;
  }
  const auto room = out.reserve(fields_size(*trailers) + 16);
  Pen pen{room.data()};
  pen.text("0\r\n");
  write_fields(pen, *trailers, none);
  pen.text("\r\n");
  finish(out, room, pen);
}

}  // namespace http
