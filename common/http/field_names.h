// SPDX-License-Identifier: BSD-2-Clause
// Field names the daemons know, as tokens: one table, so that look-ups in a head compare a byte.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace http {

// token, canonical spelling
#define HTTP_FIELD_NAMES(X)                                   \
  X(accept, "Accept")                                         \
  X(accept_encoding, "Accept-Encoding")                       \
  X(accept_language, "Accept-Language")                       \
  X(accept_ranges, "Accept-Ranges")                           \
  X(age, "Age")                                               \
  X(allow, "Allow")                                           \
  X(authorization, "Authorization")                           \
  X(cache_control, "Cache-Control")                           \
  X(cache_status, "Cache-Status")                             \
  X(cachenode_cache_control, "Cachenode-Cache-Control")       \
  X(cdn_cache_control, "CDN-Cache-Control")                   \
  X(client_cert, "Client-Cert")                               \
  X(client_cert_chain, "Client-Cert-Chain")                   \
  X(connection, "Connection")                                 \
  X(content_encoding, "Content-Encoding")                     \
  X(content_language, "Content-Language")                     \
  X(content_length, "Content-Length")                         \
  X(content_location, "Content-Location")                     \
  X(content_range, "Content-Range")                           \
  X(content_type, "Content-Type")                             \
  X(cookie, "Cookie")                                         \
  X(date, "Date")                                             \
  X(etag, "ETag")                                             \
  X(expect, "Expect")                                         \
  X(expires, "Expires")                                       \
  X(forwarded, "Forwarded")                                   \
  X(host, "Host")                                             \
  X(http2_settings, "HTTP2-Settings")                         \
  X(if_match, "If-Match")                                     \
  X(if_modified_since, "If-Modified-Since")                   \
  X(if_none_match, "If-None-Match")                           \
  X(if_range, "If-Range")                                     \
  X(if_unmodified_since, "If-Unmodified-Since")               \
  X(keep_alive, "Keep-Alive")                                 \
  X(last_modified, "Last-Modified")                           \
  X(location, "Location")                                     \
  X(max_forwards, "Max-Forwards")                             \
  X(origin, "Origin")                                         \
  X(pragma, "Pragma")                                         \
  X(priority, "Priority")                                     \
  X(proxy_authenticate, "Proxy-Authenticate")                 \
  X(proxy_authorization, "Proxy-Authorization")               \
  X(proxy_connection, "Proxy-Connection")                     \
  X(proxy_status, "Proxy-Status")                             \
  X(range, "Range")                                           \
  X(referer, "Referer")                                       \
  X(remote_user, "Remote-User")                               \
  X(retry_after, "Retry-After")                               \
  X(sec_fetch_dest, "Sec-Fetch-Dest")                         \
  X(sec_fetch_mode, "Sec-Fetch-Mode")                         \
  X(sec_fetch_site, "Sec-Fetch-Site")                         \
  X(sec_fetch_user, "Sec-Fetch-User")                         \
  X(sec_websocket_key, "Sec-WebSocket-Key")                   \
  X(sec_websocket_version, "Sec-WebSocket-Version")           \
  X(server, "Server")                                         \
  X(set_cookie, "Set-Cookie")                                 \
  X(surrogate_control, "Surrogate-Control")                   \
  X(te, "TE")                                                 \
  X(trailer, "Trailer")                                       \
  X(transfer_encoding, "Transfer-Encoding")                   \
  X(upgrade, "Upgrade")                                       \
  X(upgrade_insecure_requests, "Upgrade-Insecure-Requests")   \
  X(user_agent, "User-Agent")                                 \
  X(vary, "Vary")                                             \
  X(via, "Via")                                               \
  X(www_authenticate, "WWW-Authenticate")                     \
  X(x_accel_redirect, "X-Accel-Redirect")                     \
  X(x_cache, "X-Cache")                                       \
  X(x_forwarded_for, "X-Forwarded-For")                       \
  X(x_forwarded_host, "X-Forwarded-Host")                     \
  X(x_forwarded_port, "X-Forwarded-Port")                     \
  X(x_forwarded_proto, "X-Forwarded-Proto")                   \
  X(x_forwarded_user, "X-Forwarded-User")                     \
  X(x_real_ip, "X-Real-IP")                                   \
  X(x_remote_user, "X-Remote-User")                           \
  X(x_request_id, "X-Request-ID")                             \
  X(x_sendfile, "X-Sendfile")

enum class Token : std::uint8_t {
  other,
#define HTTP_TOKEN(token, name) token,
  HTTP_FIELD_NAMES(HTTP_TOKEN)
#undef HTTP_TOKEN
};

// Token::other for names not in the table. Any letter case.
Token field_token(std::string_view name);
// The table's spelling; empty for Token::other.
std::string_view field_name(Token token);

// A constant set of tokens, tested by one bit.
class TokenSet {
 public:
  constexpr TokenSet(std::initializer_list<Token> tokens) {
    for (const Token t : tokens) bits_[static_cast<unsigned>(t) / 64] |= std::uint64_t{1} << (static_cast<unsigned>(t) % 64);
  }
  constexpr bool contains(Token t) const {
    return (bits_[static_cast<unsigned>(t) / 64] >> (static_cast<unsigned>(t) % 64) & 1) != 0;
  }

 private:
  std::uint64_t bits_[2] = {};
};

}  // namespace http
