// SPDX-License-Identifier: BSD-2-Clause
// What a tier forwards: a message that was parsed and written again is accepted by a strict reader that shares nothing with our
// parsers, and means the same to it. Input: flags (answer, HEAD), then a message.
#include "base/bytes.h"
#include "fuzz/fuzz.h"
#include "fuzz/heads.h"
#include "fuzz/strict_reader.h"
#include "http/body_decoder.h"
#include "http/hop_by_hop.h"
#include "http/http1_parser.h"
#include "http/http1_writer.h"

namespace {

using namespace http;
using Verdict = fuzz::StrictReader::Verdict;
using fuzz::StrictMessage;
using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs pairs_of(const Head& head) {
  Pairs out;
  for (const auto& field : head.fields())
    if (!fuzz::is_framing(field.token)) out.emplace_back(base::to_lower(head.name(field)), head.value(field));
  return out;
}

Pairs without_framing(const Pairs& fields) {
  Pairs out;
  for (const auto& field : fields)
    if (!fuzz::is_framing(field_token(field.first))) out.push_back(field);
  return out;
}

// The body that follows a head, whole and decoded; false: it is not there, or wrong.
bool body_of(std::string_view text, const Framing& framing, std::string& body, Head& trailers) {
  net::Buffer in, out;
  in.append(text);
  BodyDecoder decoder;
  decoder.start(framing);
  auto done = decoder.decode(in, out, SIZE_MAX);
  if (done && !*done) done = decoder.finish_at_eof();
  if (!done || !*done) return false;
  body = out.text();
  trailers = std::move(decoder.trailers());
  return true;
}

void write_body(net::Buffer& wire, const std::string& body, const Framing& framing, const Head& trailers) {
  net::Buffer content;
  content.append(body);
  if (framing.kind == Framing::Kind::length) wire.take(content);
  if (framing.kind != Framing::Kind::chunked) return;
  while (!content.empty()) write_chunk(wire, content, 7);
  write_last_chunk(wire, &trailers);
}

void must_mean(const StrictMessage& message, const Head& head, const std::string& body, const Head& trailers) {
  MUST(without_framing(message.fields) == pairs_of(head));
  MUST(message.body == body);
  MUST(message.trailers == pairs_of(trailers));
}

void forward_request(std::string_view text) {
  RequestHeadParser parser;
  RequestHead head;
  const auto size = parser.parse(text, {}, head);
  std::string body;
  Head trailers;
  if (!size || *size == 0 || !head.has(Token::host)) return;
  if (!body_of(text.substr(*size), parser.framing(), body, trailers)) return;
  remove_hop_by_hop(head);
  net::Buffer wire;
  write_request_head(wire, head, parser.framing(), ConnectionField::none);
  write_body(wire, body, parser.framing(), trailers);
  const std::string written = wire.text();
  fuzz::StrictReader reader(written);
  StrictMessage message;
  MUST(reader.request(message) == Verdict::complete && reader.rest().empty());
  MUST(message.method == head.method_name() && message.target == head.target() && !message.upgrade);
  must_mean(message, head, body, trailers);
}

void forward_response(std::string_view text, Method method) {
  ResponseHeadParser parser;
  ResponseHead head;
  const auto size = parser.parse(text, {}, method, head);
  std::string body;
  Head trailers;
  if (!size || *size == 0 || head.status() == 101) return;
  if (!body_of(text.substr(*size), parser.framing(), body, trailers)) return;
  auto framing = parser.framing();
  if (framing.kind == Framing::Kind::until_close) framing = {Framing::Kind::chunked, 0};
  remove_hop_by_hop(head);
  net::Buffer wire;
  write_response_head(wire, head, framing, ConnectionField::none);
  write_body(wire, body, framing, trailers);
  const std::string written = wire.text();
  fuzz::StrictReader reader(written);
  StrictMessage message;
  MUST(reader.response(message, method == Method::head) == Verdict::complete && reader.rest().empty());
  MUST(message.status == head.status() && !message.until_close);
  must_mean(message, head, body, trailers);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto flags = input.byte();
  if ((flags & 1) == 0) forward_request(input.rest());
  else forward_response(input.rest(), (flags & 2) != 0 ? Method::head : Method::get);
  return 0;
}
