// SPDX-License-Identifier: BSD-2-Clause
// Requests: request line, then fields, then what the fields mean together.
#include <algorithm>

#include "base/bytes.h"
#include "http/head_builder.h"
#include "http/host.h"
#include "http/http1_fields.h"
#include "http/http1_parser.h"
#include "http/paths.h"
#include "http/reasons.h"
#include "http/request_rules.h"
#include "http/scan.h"

namespace http {

namespace {

constexpr std::size_t longest_method = 32;

std::unexpected<base::Error> refuse(const base::ReasonRow& row, std::int64_t a = 0, std::string_view subject = {}) {
  return base::fail(row, base::Side::client, a, 0, subject);
}

struct RequestLine {
  std::size_t method_size = 0;
  std::size_t target_at = 0;
  std::size_t target_size = 0;
  int minor = 1;
  std::size_t size = 0;  // 0: more is needed
};

// The target's last byte was at `stop`: is what follows " HTTP/1.x CRLF"?
base::Result<std::size_t> parse_version(std::string_view text, std::size_t stop, int& minor) {
  static constexpr std::string_view form = " HTTP/";
  const auto rest = text.substr(stop);
  const auto known = rest.substr(0, form.size());
  if (known != form.substr(0, known.size())) return refuse(reasons::request_line);
  if (rest.size() < form.size() + 3) {
    if (rest.find('\n') != std::string_view::npos) return refuse(reasons::request_line);
    return 0;
  }
  const char major = rest[form.size()], dot = rest[form.size() + 1], digit = rest[form.size() + 2];
  if (!base::is_digit(major) || dot != '.' || !base::is_digit(digit)) return refuse(reasons::request_line);
  const auto line_end = rest.substr(form.size() + 3);
  if (line_end.empty()) return 0;
  if (line_end.front() == '\n') return refuse(reasons::bare_lf);
  if (line_end.front() != '\r') return refuse(reasons::request_line);
  if (line_end.size() < 2) return 0;
  if (line_end[1] != '\n') return refuse(reasons::bare_cr);
  if (major != '1') return refuse(reasons::version_major);
  minor = digit == '0' ? 0 : 1;
  return stop + form.size() + 5;
}

base::Result<RequestLine> parse_request_line(std::string_view text, std::size_t longest_target) {
  RequestLine line;
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const char* at = begin;
  while (at < end && is_token_byte(*at)) ++at;
  line.method_size = static_cast<std::size_t>(at - begin);
  if (line.method_size > longest_method) return refuse(reasons::method_name);
  if (at == end) return line;
  if (*at == '\n') return refuse(reasons::bare_lf);
  if (*at != ' ' || line.method_size == 0) return refuse(*at == '\r' ? reasons::request_line : reasons::method_name);
  line.target_at = line.method_size + 1;
  const char* const target = begin + line.target_at;
  const char* const stop = scan::find<scan::TargetEnd>(target, end);
  line.target_size = static_cast<std::size_t>(stop - target);
  if (line.target_size > longest_target) return refuse(reasons::target_too_long, static_cast<std::int64_t>(longest_target));
  if (stop == end) return line;
  if (*stop == '\n') return refuse(reasons::bare_lf);
  if (*stop == '\r' || line.target_size == 0) return refuse(reasons::request_line);
  if (*stop != ' ') return refuse(reasons::target_byte);
  const auto size = parse_version(text, static_cast<std::size_t>(stop - begin), line.minor);
  if (!size) return std::unexpected(size.error());
  line.size = *size;
  return line;
}

// "http://host/path": leaves as origin-form, remembers the scheme. `authority` is a view of the head's block.
base::Result<void> absolute_form(RequestHead& head) {
  const std::string target(head.target());
  const auto colon = target.find("://");
  if (colon == std::string::npos) return refuse(reasons::target_form);
  const std::string scheme = base::to_lower(std::string_view(target).substr(0, colon));
  if (scheme != "http" && scheme != "https") return refuse(reasons::target_form);
  const auto authority_at = colon + 3;
  const auto authority_end = std::min(target.find_first_of("/?", authority_at), target.size());
  const auto authority = std::string_view(target).substr(authority_at, authority_end - authority_at);
  if (!parse_host(authority)) return refuse(reasons::target_form);
  if (head.has(Token::host)) {
    if (!same_authority(authority, head.host(), scheme)) return refuse(reasons::host_mismatch);
  } else {
    head.add(Token::host, authority);  // HTTP/1.0 only: in HTTP/1.1 its absence was refused before
  }
  std::string origin = target.substr(authority_end);
  if (origin.empty() && head.method() == Method::options) origin = "*";  // RFC 9112 3.2.4
  else if (origin.empty() || origin.front() == '?') origin.insert(0, "/");
  head.set_scheme(scheme);
  head.set_target(origin);
  return {};
}

base::Result<void> check_target(RequestHead& head) {
  const auto first = head.target().front();
  if (first != '/' && first != '*') {
    if (auto turned = absolute_form(head); !turned) return turned;
  }
  if (head.target() == "*") {
    if (head.method() != Method::options) return refuse(reasons::target_form);
    return {};
  }
  auto normal = normalise_target(head.target());
  if (!normal) return std::unexpected(normal.error());
  if (!normal->empty()) head.set_target(*normal);
  return {};
}

// "/." or '%' in the path are what normalisation is about; without them the target is left alone.
bool plain_origin_form(std::string_view target) {
  if (target.front() != '/') return false;
  const char* const end = target.data() + target.size();
  const char* at = target.data();
  while ((at = scan::find<scan::PathMark>(at, end)) != end && *at != '?') {
    if (*at == '%' || at[-1] == '/') return false;
    ++at;
  }
  return true;
}

}  // namespace

Preface http2_preface(std::string_view input) {
  static constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  const auto known = input.substr(0, preface.size());
  if (known != preface.substr(0, known.size())) return Preface::no;
  return known.size() == preface.size() ? Preface::yes : Preface::more;
}

void RequestHeadParser::reset() { *this = RequestHeadParser(); }

base::Result<std::size_t> RequestHeadParser::parse(std::string_view input, const HeadLimits& limits, RequestHead& head) {
  if (scanned_ != 0 && !line_ended(input, scanned_)) {
    if (input.size() > limits.bytes) return refuse(reasons::head_too_large, static_cast<std::int64_t>(limits.bytes));
    return 0;
  }
  std::size_t skip = 0;
  if (!input.empty() && input.front() == '\r') {
    if (input.size() < 2) return 0;
    if (input[1] != '\n') return refuse(reasons::bare_cr);
    skip = 2;
  }
  const auto text = input.substr(skip);
  const auto line = parse_request_line(text, limits.target);
  if (!line) return std::unexpected(line.error());
  std::size_t size = 0;
  if (line->size != 0) {
    head.clear();
    auto& fields = HeadBuilder::fields(head);
    fields.reserve(24);
    const auto parsed = parse_fields(text, line->size, limits, fields);
    if (!parsed) return parsed;
    size = *parsed;
  }
  if ((size == 0 ? input.size() : size) > limits.bytes) return refuse(reasons::head_too_large, static_cast<std::int64_t>(limits.bytes));
  if (size == 0) {
    // A request line in parts is parsed anew with each of them; it is short, and its limit is found at once.
    scanned_ = line->size != 0 ? input.size() : 0;
    return 0;
  }
  HeadBuilder::set_block(head, text.substr(0, size));
  HeadBuilder::set_request_line(head, method_from(text.substr(0, line->method_size)), line->method_size, line->target_at, line->target_size);
  head.set_minor_version(line->minor);
  if (auto checked = check(head); !checked) return std::unexpected(checked.error());
  return skip + size;
}

base::Result<void> RequestHeadParser::check(RequestHead& head) {
  if (head.method() == Method::connect) return refuse(reasons::method_not_allowed);
  RequestRules rules;
  if (auto checked = rules.check(head); !checked) return checked;
  framing_ = rules.framing;
  close_ = rules.close;
  expect_continue_ = rules.expect_continue;
  upgrade_websocket_ = rules.upgrade_websocket;
  if (plain_origin_form(head.target())) return {};
  return check_target(head);
}

}  // namespace http
