// SPDX-License-Identifier: BSD-2-Clause
#include "http/request_rules.h"

#include "base/bytes.h"
#include "http/host.h"
#include "http/http1_fields.h"
#include "http/reasons.h"

namespace http {

namespace {

std::unexpected<base::Error> refuse(const base::ReasonRow& row, std::string_view subject = {}) {
  return base::fail(row, base::Side::client, 0, 0, subject);
}

constexpr TokenSet never_named{
    Token::accept, Token::accept_encoding, Token::age, Token::authorization, Token::cache_control, Token::cache_status,
    Token::cachenode_cache_control, Token::cdn_cache_control, Token::client_cert, Token::client_cert_chain, Token::content_encoding,
    Token::content_language, Token::content_length, Token::content_location, Token::content_range, Token::content_type, Token::cookie,
    Token::date, Token::etag, Token::expect, Token::expires, Token::forwarded, Token::host, Token::if_match, Token::if_modified_since,
    Token::if_none_match, Token::if_range, Token::if_unmodified_since, Token::location, Token::max_forwards, Token::pragma, Token::range,
    Token::referer, Token::remote_user, Token::sec_websocket_key, Token::set_cookie, Token::surrogate_control, Token::transfer_encoding,
    Token::user_agent, Token::vary, Token::via, Token::x_accel_redirect, Token::x_forwarded_for, Token::x_forwarded_host,
    Token::x_forwarded_port, Token::x_forwarded_proto, Token::x_forwarded_user, Token::x_real_ip, Token::x_remote_user,
    Token::x_request_id, Token::x_sendfile};

bool list_has(const Head& head, Token token, std::string_view wanted) {
  bool found = false;
  for (const auto& f : head.fields())
    if (f.token == token)
      for_each_element(head.value(f), [&](std::string_view element) { found = found || base::iequals(element, wanted); });
  return found;
}

// Reasons outlive the head: a known name in the table's spelling, else the prefix that forbids it.
std::string_view lasting_name(std::string_view field) {
  const Token token = field_token(field);
  if (token != Token::other) return field_name(token);
  if (base::istarts_with(field, "content-")) return "Content-*";
  return base::istarts_with(field, "x-forwarded-") ? "X-Forwarded-*" : "Client-Cert*";
}

}  // namespace

bool connection_may_name(std::string_view field) {
  const Token token = field_token(field);
  if (token != Token::other) return !never_named.contains(token);
  return !base::istarts_with(field, "content-") && !base::istarts_with(field, "x-forwarded-") && !base::istarts_with(field, "client-cert");
}

base::Result<void> RequestRules::check_framing(const RequestHead& head, const Head::Field* length, bool transfer_encoding) {
  if (transfer_encoding) {
    if (head.minor_version() == 0) return refuse(reasons::transfer_encoding_http_1_0);
    if (length != nullptr) return refuse(reasons::content_length_and_transfer_encoding);
    if (auto checked = check_transfer_encoding(head); !checked) return checked;
    framing = {Framing::Kind::chunked, 0};
    return {};
  }
  if (length == nullptr) return {};
  const auto n = parse_content_length(head.value(*length));
  if (!n) return refuse(reasons::content_length_invalid);
  framing = {Framing::Kind::length, *n};
  return {};
}

base::Result<void> RequestRules::check_connection(const RequestHead& head, bool& keep_alive, bool& upgrade) {
  base::Result<void> result;
  for (const auto& f : head.fields()) {
    if (f.token != Token::connection) continue;
    if (base::iequals(head.value(f), "keep-alive")) {  // what most clients say
      keep_alive = true;
      continue;
    }
    for_each_element(head.value(f), [&](std::string_view element) {
      if (!result || element.empty()) return;  // empty elements are permitted, RFC 9110 5.6.1.2
      if (!is_token(element)) result = refuse(reasons::connection_invalid);
      else if (base::iequals(element, "close")) close = true;
      else if (base::iequals(element, "keep-alive")) keep_alive = true;
      else if (base::iequals(element, "upgrade")) upgrade = true;
      else if (!connection_may_name(element)) result = refuse(reasons::connection_forbidden, lasting_name(element));
    });
  }
  return result;
}

base::Result<void> RequestRules::check(const RequestHead& head) {
  const Head::Field* host = nullptr;
  const Head::Field* length = nullptr;
  bool transfer_encoding = false, connection = false, expect = false, upgrade = false;
  for (const auto& f : head.fields()) {
    switch (f.token) {
      case Token::host:
        if (host != nullptr) return refuse(reasons::host_repeated);
        host = &f;
        break;
      case Token::content_length:
        if (length != nullptr) return refuse(reasons::content_length_repeated);
        length = &f;
        break;
      case Token::transfer_encoding: transfer_encoding = true; break;
      case Token::connection: connection = true; break;
      case Token::expect: expect = true; break;
      case Token::upgrade: upgrade = true; break;
      default: break;
    }
  }
  const bool old = head.minor_version() == 0;
  if (host == nullptr && !old) return refuse(reasons::host_missing);
  if (host != nullptr && !parse_host(head.value(*host))) return refuse(reasons::host_invalid);
  if (length != nullptr || transfer_encoding)
    if (auto checked = check_framing(head, length, transfer_encoding); !checked) return checked;
  bool keep_alive = false, names_upgrade = false;
  if (connection)
    if (auto checked = check_connection(head, keep_alive, names_upgrade); !checked) return checked;
  if (old && !keep_alive) close = true;
  if (expect && !old) {
    for (const auto& f : head.fields())
      if (f.token == Token::expect && !base::iequals(head.value(f), "100-continue")) return refuse(reasons::expectation_unknown);
    expect_continue = framing.kind == Framing::Kind::chunked || framing.length > 0;
  }
  const bool without_body = framing.kind == Framing::Kind::none || (framing.kind == Framing::Kind::length && framing.length == 0);
  upgrade_websocket = upgrade && names_upgrade && !old && head.method() == Method::get && without_body &&
                      list_has(head, Token::upgrade, "websocket");
  return {};
}

}  // namespace http
