// SPDX-License-Identifier: BSD-2-Clause
#include "http/hop_by_hop.h"

#include <algorithm>
#include <string>

#include "base/bytes.h"
#include "http/fields.h"

namespace http {

namespace {

constexpr TokenSet request_hop{Token::connection, Token::keep_alive, Token::proxy_connection, Token::proxy_authorization,
                               Token::http2_settings, Token::trailer, Token::transfer_encoding, Token::upgrade};
constexpr TokenSet response_hop{Token::connection, Token::keep_alive, Token::proxy_connection, Token::proxy_authenticate,
                                Token::te, Token::trailer, Token::transfer_encoding, Token::upgrade};

// What Connection names besides its own words. The lines are copied first: removing moves the table they are found in.
void remove_named(Head& head) {
  const Head::Field* first = head.find(Token::connection);
  if (!first) return;
  const bool own_words = std::all_of(first, head.fields().data() + head.fields().size(), [&head](const Head::Field& f) {
    if (f.token != Token::connection) return true;
    const std::string_view value = head.value(f);
    return base::iequals(value, "keep-alive") || base::iequals(value, "close") || base::iequals(value, "upgrade");
  });
  if (own_words) return;
  const std::string named = head.joined(Token::connection);
  head.remove_if([&](const Head::Field& f) {
    return f.token != Token::connection && f.token != Token::te && f.token != Token::content_length && has_token(named, head.name(f));
  });
}

}  // namespace

void remove_hop_by_hop(RequestHead& head) {
  remove_named(head);
  // RFC 9110 7.6.2: what goes on has one step less (0 was answered before it came here).
  if (head.method() == Method::options) {
    const auto left = base::parse_decimal(head.get(Token::max_forwards).value_or(std::string_view{}));
    if (left && *left > 0) head.set(Token::max_forwards, std::to_string(*left - 1));
  }
  bool te = false, trailers = false;
  head.remove_if([&](const Head::Field& f) {
    if (f.token == Token::te) {
      te = true;
      trailers = trailers || has_token(head.value(f), "trailers");
    }
    return request_hop.contains(f.token);
  });
  if (!te) return;
  if (trailers) head.set(Token::te, "trailers");
  else head.remove(Token::te);
}

void remove_hop_by_hop(ResponseHead& head) {
  remove_named(head);
  head.remove_if([](const Head::Field& f) { return response_hop.contains(f.token); });
}

}  // namespace http
