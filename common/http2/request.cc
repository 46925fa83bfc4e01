// SPDX-License-Identifier: BSD-2-Clause
#include "http2/request.h"

#include <utility>

#include "base/bytes.h"
#include "http/engine_reasons.h"
#include "http/host.h"
#include "http/paths.h"
#include "http/reasons.h"
#include "http/scan.h"

namespace http2 {

// The stream's parts that a request is made of; the stream befriends this.
struct Request {
  static void add(Stream& s, std::string_view name, std::string_view value, const http::HeadLimits& limits) {
    s.head_size_ += name.size() + value.size() + 4;
    ++s.field_count_;
    if (s.refusal_) return;
    if (s.head_size_ > limits.bytes) {
      s.refusal_ = &http::reasons::head_too_large;
    } else if (name.starts_with(':')) {
      if (name == ":method") s.pending_.head.set_method(value);
      else if (name == ":path") s.path_ = value;
      else if (name == ":scheme") s.scheme_ = value;
      else if (name == ":authority") s.authority_ = value;
    } else if ((name != "cookie" || s.cookie_.empty()) && ++s.counted_fields_ > limits.fields) {  // a cookie's crumbs are one
      s.refusal_ = &http::reasons::too_many_fields;
    } else if (name.size() > limits.name) {
      s.refusal_ = &http::reasons::field_name_too_long;
    } else if (name == "cookie") {
      if (!s.cookie_.empty()) s.cookie_ += "; ";
      s.cookie_ += value;
    } else {
      s.pending_.head.add(name, value);
    }
  }

  static void trailer(Stream& s, std::string_view name, std::string_view value) {
    s.head_size_ += name.size() + value.size() + 4;
    ++s.field_count_;
    if (name.starts_with(':') || s.head_size_ > 64 * 1024 || s.field_count_ > 1000) return;
    const http::Token token = http::field_token(name);
    // RFC 9110 6.5.1: framing, routing, request control and authentication do not come late.
    switch (token) {
      case http::Token::host:
      case http::Token::content_length:
      case http::Token::transfer_encoding:
      case http::Token::authorization:
      case http::Token::cookie:
      case http::Token::cache_control:
      case http::Token::content_type:
      case http::Token::content_encoding:
      case http::Token::content_range:
      case http::Token::expect:
      case http::Token::te:
      case http::Token::trailer:
      case http::Token::range:
      case http::Token::max_forwards: return;
      default: break;
    }
    s.has_trailers_ = true;
    s.trailers_.add(name, value);
  }

  static base::Result<void> refuse(const base::ReasonRow& row, std::int64_t a = 0) { return base::fail(row, base::Side::client, a); }

  static base::Result<void> host(Stream& s) {
    http::RequestHead& head = s.pending_.head;
    if (head.count(http::Token::host) > 1) return refuse(http::reasons::host_repeated);
    const std::string_view named = head.host();
    if (s.authority_.empty() && !head.has(http::Token::host)) return refuse(http::reasons::host_missing);
    if (s.authority_.empty()) s.authority_ = named;
    else if (head.has(http::Token::host) && !http::same_authority(named, s.authority_, s.scheme_)) return refuse(http::reasons::host_mismatch);
    if (!http::parse_host(s.authority_)) return refuse(http::reasons::host_invalid);
    return {};
  }

  static base::Result<void> target(Stream& s, const http::HeadLimits& limits) {
    if (s.path_.size() > limits.target) return refuse(http::reasons::target_too_long, static_cast<std::int64_t>(limits.target));
    if (s.path_ == "*") {
      if (s.pending_.head.method() != http::Method::options) return refuse(http::reasons::target_form);
      return {};
    }
    auto normal = http::normalise_target(s.path_);
    if (!normal) return std::unexpected(normal.error());
    if (!normal->empty()) s.path_ = std::move(*normal);
    return {};
  }

  static base::Result<void> complete(Stream& s, const http::HeadLimits& limits) {
    http::RequestHead& head = s.pending_.head;
    if (s.refusal_ == &http::reasons::head_too_large) return refuse(*s.refusal_, static_cast<std::int64_t>(limits.bytes));
    if (s.refusal_ == &http::reasons::too_many_fields) return refuse(*s.refusal_, static_cast<std::int64_t>(limits.fields));
    if (s.refusal_) return refuse(*s.refusal_, static_cast<std::int64_t>(limits.name));
    const std::string_view method = head.method_name();
    if (method.empty() || method.size() > 64) return refuse(http::reasons::method_name);
    for (char c : method)
      if (!http::is_token_byte(c)) return refuse(http::reasons::method_name);
    if (head.method() == http::Method::connect) return refuse(http::reasons::method_not_allowed);
    if (s.scheme_ != "http" && s.scheme_ != "https") return refuse(http::reasons::target_form);
    if (auto checked = host(s); !checked) return checked;
    if (auto checked = target(s, limits); !checked) return checked;
    head.remove(http::Token::http2_settings);
    if (head.method() == http::Method::trace) return refuse(http::reasons::method_not_allowed);
    if (head.method() == http::Method::options && (s.path_ == "*" || head.get(http::Token::max_forwards) == "0"))
      return refuse(http::reasons::options_answered);
    return finish(s);
  }

  static base::Result<void> finish(Stream& s) {
    http::RequestHead& head = s.pending_.head;
    const auto expect = head.get(http::Token::expect);
    if (expect && !base::iequals(*expect, "100-continue")) return refuse(http::reasons::expectation_unknown);
    s.expects_continue_ = expect.has_value() && s.state_ == http::RequestBody::State::open;
    s.pending_.te_trailers = base::iequals(head.get(http::Token::te).value_or(""), "trailers");
    s.head_request_ = head.method() == http::Method::head;
    if (const auto length = head.get(http::Token::content_length)) {
      s.declared_ = base::parse_decimal(*length);
      if (!s.declared_) return refuse(http::reasons::content_length_invalid);
    }
    head.set_target(s.path_);
    head.set_scheme(s.scheme_);
    head.set(http::Token::host, s.authority_);
    if (!s.cookie_.empty()) head.add(http::Token::cookie, s.cookie_);
    head.set_minor_version(1);
    s.pending_.head_bytes = s.head_size_;
    for (std::string* text : {&s.authority_, &s.scheme_, &s.cookie_}) std::string().swap(*text);
    return {};
  }
};

void add_field(Stream& stream, std::string_view name, std::string_view value, const http::HeadLimits& limits) {
  Request::add(stream, name, value, limits);
}
void add_trailer(Stream& stream, std::string_view name, std::string_view value) { Request::trailer(stream, name, value); }
base::Result<void> complete_head(Stream& stream, const http::HeadLimits& limits) { return Request::complete(stream, limits); }

}  // namespace http2
