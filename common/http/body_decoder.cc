// SPDX-License-Identifier: BSD-2-Clause
#include "http/body_decoder.h"

#include <algorithm>

#include "base/bytes.h"
#include "http/chunks.h"
#include "http/head_builder.h"
#include "http/http1_fields.h"
#include "http/reasons.h"

namespace http {

namespace {

// Fields whose late arrival would change framing, routing, authentication or how the content is understood (RFC 9110 6.5.1).
bool may_be_trailer(const Head& trailers, const Head::Field& f) {
  static constexpr TokenSet permitted{Token::etag, Token::server, Token::proxy_status, Token::cache_status};
  if (f.token != Token::other) return permitted.contains(f.token);
  const auto name = trailers.name(f);
  return !base::istarts_with(name, "content-") && !base::istarts_with(name, "x-forwarded-") && !base::istarts_with(name, "proxy-") &&
         !base::istarts_with(name, "access-control-") && !base::istarts_with(name, "sec-");
}

}  // namespace

std::unexpected<base::Error> BodyDecoder::refuse(const base::ReasonRow& row, std::int64_t limit) {
  if (limits_.side != base::Side::upstream) return base::fail(row, limits_.side, limit);
  if (&row == &reasons::body_cut_short) return base::fail(reasons::upstream_cut_short, limits_.side);
  if (&row == &reasons::trailers_too_large) return base::fail(reasons::upstream_trailers_too_large, limits_.side, limit);
  return base::fail(reasons::upstream_body, limits_.side, limit, 0, row.name);
}

void BodyDecoder::start(const Framing& framing, const BodyLimits& limits) {
  framing_ = framing;
  limits_ = limits;
  left_ = framing.length;
  received_ = 0;
  extensions_ = 0;
  scanned_ = 0;
  trailers_.clear();
  switch (framing.kind) {
    case Framing::Kind::none: state_ = State::complete; break;
    case Framing::Kind::length: state_ = left_ == 0 ? State::complete : State::length; break;
    case Framing::Kind::chunked: state_ = State::chunk_size; break;
    case Framing::Kind::until_close: state_ = State::until_close; break;
  }
}

void BodyDecoder::take(net::Buffer& input, net::Buffer& body, std::size_t max) {
  const auto n = std::min(max, input.size());
  body.take(input, n);
  received_ += n;
}

base::Result<bool> BodyDecoder::decode(net::Buffer& input, net::Buffer& body, std::size_t max) {
  const auto first = received_;
  for (;;) {
    const auto room = max - static_cast<std::size_t>(received_ - first);
    base::Result<bool> step = false;  // true: the state was left
    switch (state_) {
      case State::complete: return true;
      case State::until_close: take(input, body, room); return false;
      case State::length:
      case State::chunk_data: {
        const auto before = received_;
        take(input, body, static_cast<std::size_t>(std::min<std::uint64_t>(left_, room)));
        left_ -= received_ - before;
        if (left_ != 0) return false;
        state_ = state_ == State::length ? State::complete : State::chunk_end;
        step = true;
        break;
      }
      case State::chunk_size: step = read_chunk_size(input); break;
      case State::chunk_end: step = read_chunk_end(input); break;
      case State::trailers: step = read_trailers(input); break;
    }
    if (!step || !*step) return step;
  }
}

base::Result<bool> BodyDecoder::read_chunk_size(net::Buffer& input) {
  if (input.empty()) return false;
  auto text = input.front();
  auto end = text.find('\n', std::min(scanned_, text.size()));
  if (end == std::string_view::npos && text.size() < input.size()) {
    text = input.pull_up(std::min(input.size(), limits_.chunk_line + 2));
    end = text.find('\n', std::min(scanned_, text.size()));
  }
  if (end == std::string_view::npos ? text.size() > limits_.chunk_line + 1 : end > limits_.chunk_line + 1)
    return refuse(reasons::chunk_line_too_long, static_cast<std::int64_t>(limits_.chunk_line));
  if (end == std::string_view::npos) {
    scanned_ = text.size();
    // What cannot become a size is refused without waiting for the line's end.
    if (base::hex_value(text.front()) < 0) return refuse(reasons::chunk_size);
    return false;
  }
  if (end == 0 || text[end - 1] != '\r') return refuse(reasons::bare_lf);
  const auto line = parse_chunk_line(text.substr(0, end - 1));
  if (!line) return refuse(*line.error().reason.row);
  extensions_ += line->extensions;
  if (extensions_ > limits_.extensions) return refuse(reasons::chunk_extensions_too_large, static_cast<std::int64_t>(limits_.extensions));
  input.consume(end + 1);
  scanned_ = 0;
  left_ = line->size;
  state_ = left_ == 0 ? State::trailers : State::chunk_data;
  return true;
}

base::Result<bool> BodyDecoder::read_chunk_end(net::Buffer& input) {
  if (input.empty()) return false;
  const auto text = input.pull_up(std::min<std::size_t>(input.size(), 2));
  if (text[0] != '\r') return refuse(reasons::chunk_end);
  if (text.size() < 2) return false;
  if (text[1] != '\n') return refuse(reasons::chunk_end);
  input.consume(2);
  state_ = State::chunk_size;
  return true;
}

base::Result<bool> BodyDecoder::read_trailers(net::Buffer& input) {
  if (input.empty()) return false;
  const auto& limits = limits_.trailers;
  const auto text = input.pull_up(std::min(input.size(), limits.bytes + 2));
  if (scanned_ != 0 && !line_ended(text, scanned_)) {
    if (text.size() > limits.bytes + 1) return refuse(reasons::trailers_too_large, static_cast<std::int64_t>(limits.bytes));
    return false;
  }
  trailers_.clear();
  const auto size = parse_fields(text, 0, limits, HeadBuilder::fields(trailers_));
  if (!size) {
    const auto* row = size.error().reason.row;
    if (row->status == 431) row = &reasons::trailers_too_large;
    return refuse(*row, size.error().reason.a);
  }
  if ((*size == 0 ? text.size() : *size) > limits.bytes + 2)
    return refuse(reasons::trailers_too_large, static_cast<std::int64_t>(limits.bytes));
  if (*size == 0) {
    if (text.size() > limits.bytes + 1) return refuse(reasons::trailers_too_large, static_cast<std::int64_t>(limits.bytes));
    scanned_ = text.size();
    trailers_.clear();
    return false;
  }
  HeadBuilder::set_block(trailers_, text.substr(0, *size));
  trailers_.remove_if([this](const Head::Field& f) { return !may_be_trailer(trailers_, f); });
  input.consume(*size);
  scanned_ = 0;
  state_ = State::complete;
  return true;
}

base::Result<bool> BodyDecoder::finish_at_eof() {
  if (state_ == State::complete) return true;
  if (state_ != State::until_close) return refuse(reasons::body_cut_short);
  state_ = State::complete;
  return true;
}

}  // namespace http
