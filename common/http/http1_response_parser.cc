// SPDX-License-Identifier: BSD-2-Clause
// Responses: status line, fields, and how the body ends (RFC 9112 4, 6.3). Via is not parsed (waitress sends one without a
// version); of two Date fields the first is kept (Zope's OPTIONS). What frames is strict.
#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "http/head_builder.h"
#include "http/http1_fields.h"
#include "http/http1_parser.h"
#include "http/reasons.h"
#include "http/scan.h"

namespace http {

namespace {

std::unexpected<base::Error> refuse(const base::ReasonRow& row, std::int64_t a = 0) { return base::fail(row, base::Side::upstream, a); }
std::unexpected<base::Error> turned(const base::Error& error) { return std::unexpected(upstream_error(error)); }

struct StatusLine {
  int status = 0;
  int minor = 1;
  std::size_t size = 0;  // 0: more is needed
};

base::Result<StatusLine> parse_status_line(std::string_view text) {
  static constexpr std::string_view form = "HTTP/1.";
  StatusLine line;
  const auto known = text.substr(0, form.size());
  if (known != form.substr(0, known.size())) return refuse(reasons::upstream_status_line);
  static constexpr std::size_t fixed = form.size() + 5;  // "x NNN"
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const char* const stop = scan::find<scan::ValueEnd>(begin, end);
  if (stop == end) {
    if (text.size() > fixed && text[fixed] != ' ') return refuse(reasons::upstream_status_line);
    return line;
  }
  if (*stop != '\r' || static_cast<std::size_t>(stop - begin) < fixed) return refuse(reasons::upstream_status_line);
  const char* const rest = begin + form.size();
  if (!base::is_digit(rest[0]) || rest[1] != ' ' || rest[2] < '1' || rest[2] > '9' || !base::is_digit(rest[3]) || !base::is_digit(rest[4]))
    return refuse(reasons::upstream_status_line);
  if (static_cast<std::size_t>(stop - begin) > fixed && rest[5] != ' ') return refuse(reasons::upstream_status_line);
  if (stop + 1 == end) return line;
  if (stop[1] != '\n') return refuse(reasons::upstream_status_line);
  line.status = (rest[2] - '0') * 100 + (rest[3] - '0') * 10 + (rest[4] - '0');
  line.minor = rest[0] == '0' ? 0 : 1;
  line.size = static_cast<std::size_t>(stop - begin) + 2;
  return line;
}

// N of "timeout=N"; -1 if there is none.
int keep_alive_seconds(std::string_view value) {
  int seconds = -1;
  for_each_element(value, [&](std::string_view element) {
    if (!base::istarts_with(element, "timeout=")) return;
    const auto n = base::parse_decimal(element.substr(8));
    if (n) seconds = static_cast<int>(std::min<std::uint64_t>(*n, 86400));
  });
  return seconds;
}

struct Seen {
  const Head::Field* length = nullptr;
  bool repeated_length = false;
  bool transfer_encoding = false;
  bool keep_alive = false;
  bool close = false;
  bool upgrade = false;
  bool bad_connection = false;
  int dates = 0;
};

void see_connection(std::string_view value, Seen& seen) {
  if (base::iequals(value, "keep-alive")) {  // what most servers say
    seen.keep_alive = true;
    return;
  }
  for_each_element(value, [&](std::string_view element) {
    if (element.empty()) return;
    if (!is_token(element)) seen.bad_connection = true;
    else if (base::iequals(element, "close")) seen.close = true;
    else if (base::iequals(element, "keep-alive")) seen.keep_alive = true;
    else if (base::iequals(element, "upgrade")) seen.upgrade = true;
  });
}

bool offers_websocket(const Head& head) {
  bool found = false;
  for (const auto& f : head.fields())
    if (f.token == Token::upgrade)
      for_each_element(head.value(f), [&](std::string_view element) { found = found || base::iequals(element, "websocket"); });
  return found;
}

void keep_first(Head& head, Token token) {
  bool first = true;
  head.remove_if([&](const Head::Field& f) { return f.token == token && !std::exchange(first, false); });
}

}  // namespace

void ResponseHeadParser::reset() { *this = ResponseHeadParser(); }

base::Result<std::size_t> ResponseHeadParser::parse(std::string_view input, const HeadLimits& limits, Method request_method, ResponseHead& head) {
  if (scanned_ != 0 && !line_ended(input, scanned_)) {
    if (input.size() > limits.bytes) return turned(base::Error{{&reasons::head_too_large, static_cast<std::int64_t>(limits.bytes)}});
    return 0;
  }
  const auto line = parse_status_line(input);
  if (!line) return std::unexpected(line.error());
  std::size_t size = 0;
  if (line->size != 0) {
    head.clear();
    auto& fields = HeadBuilder::fields(head);
    fields.reserve(24);
    const auto parsed = parse_fields(input, line->size, limits, fields);
    if (!parsed) return turned(parsed.error());
    size = *parsed;
  }
  if ((size == 0 ? input.size() : size) > limits.bytes)
    return turned(base::Error{{&reasons::head_too_large, static_cast<std::int64_t>(limits.bytes)}});
  if (size == 0) {
    scanned_ = line->size != 0 ? input.size() : 0;
    return 0;
  }
  HeadBuilder::set_block(head, input.substr(0, size));
  head.set_status(line->status);
  head.set_minor_version(line->minor);
  if (auto checked = check(head, request_method); !checked) return std::unexpected(checked.error());
  return size;
}

base::Result<void> ResponseHeadParser::check(ResponseHead& head, Method request_method) {
  Seen seen;
  keep_alive_timeout_ = -1;
  for (const auto& f : head.fields()) {
    switch (f.token) {
      case Token::content_length:
        if (seen.length != nullptr) seen.repeated_length = true;
        seen.length = &f;
        break;
      case Token::transfer_encoding: seen.transfer_encoding = true; break;
      case Token::connection: see_connection(head.value(f), seen); break;
      case Token::keep_alive: keep_alive_timeout_ = keep_alive_seconds(head.value(f)); break;
      case Token::date: ++seen.dates; break;
      default: break;
    }
  }
  const int status = head.status();
  const bool old = head.minor_version() == 0;
  if (seen.bad_connection) return turned(base::Error{{&reasons::connection_invalid}});
  if (seen.repeated_length) return turned(base::Error{{&reasons::content_length_repeated}});
  std::optional<std::uint64_t> length;
  if (seen.length != nullptr) {
    if (seen.transfer_encoding) return turned(base::Error{{&reasons::content_length_and_transfer_encoding}});
    length = parse_content_length(head.value(*seen.length));
    if (!length) return turned(base::Error{{&reasons::content_length_invalid}});
  }
  if (seen.transfer_encoding) {
    if (old) return turned(base::Error{{&reasons::transfer_encoding_http_1_0}});
    if (auto checked = check_transfer_encoding(head); !checked) return turned(checked.error());
  }
  switching_ = status == 101 && seen.upgrade && offers_websocket(head);
  const bool never_body = (status >= 100 && status < 200) || status == 204;
  if (never_body || status == 304 || request_method == Method::head) framing_ = {};
  else if (seen.transfer_encoding) framing_ = {Framing::Kind::chunked, 0};
  else if (length) framing_ = {Framing::Kind::length, *length};
  else framing_ = {Framing::Kind::until_close, 0};
  close_ = seen.close || (old && !seen.keep_alive) || framing_.kind == Framing::Kind::until_close;
  if (never_body) {
    head.remove(Token::content_length);
    head.remove(Token::transfer_encoding);
  }
  if (seen.dates > 1) keep_first(head, Token::date);
  return {};
}

}  // namespace http
