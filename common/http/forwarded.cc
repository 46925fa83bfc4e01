// SPDX-License-Identifier: BSD-2-Clause
#include "http/forwarded.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/bytes.h"
#include "base/recycled.h"
#include "http/fields.h"
#include "http/host.h"
#include "net/address.h"

namespace http {

using namespace std::string_view_literals;

namespace {

bool is_ip(std::string_view text) {
  char copy[INET6_ADDRSTRLEN + 1];
  if (text.empty() || text.size() >= sizeof copy || text.find('\0') != std::string_view::npos) return false;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  in6_addr buffer{};
  return inet_pton(AF_INET, copy, &buffer) == 1 || inet_pton(AF_INET6, copy, &buffer) == 1;
}

// Hops from the client's side to the nearest, as the peer tells them.
struct Hop {
  base::RecycledString node;
  base::RecycledString proto;
  base::RecycledString host;
};
using Hops = std::vector<Hop, base::RecycledAllocator<Hop>>;

Hops forwarded_hops(const Head& head) {
  Hops hops;
  for_each_in_field(head, Token::forwarded, [&](std::string_view element) {
    Hop hop;
    Parameter p;
    std::string_view rest = element;
    while (next_parameter(rest, p)) {
      if (base::iequals(p.name, "for")) hop.node = p.value;
      else if (base::iequals(p.name, "proto")) hop.proto = p.value;
      else if (base::iequals(p.name, "host")) hop.host = p.value;
    }
    hops.push_back(std::move(hop));
  });
  return hops;
}

// Views of both.
using Nodes = std::vector<std::string_view, base::RecycledAllocator<std::string_view>>;
Nodes claimed_nodes(const Head& head, const Hops& hops) {
  Nodes nodes;
  if (head.has(Token::x_forwarded_for)) {
    for_each_in_field(head, Token::x_forwarded_for, [&](std::string_view element) { nodes.emplace_back(element); });
  } else if (!hops.empty()) {
    for (const auto& hop : hops) nodes.push_back(hop.node);
  } else if (const auto real = head.get(Token::x_real_ip)) {
    nodes.emplace_back(*real);
  }
  return nodes;
}

// The last element: what the nearest proxy said.
std::string_view last_of(const Head& head, Token token) {
  std::string_view last;
  for_each_in_field(head, token, [&](std::string_view element) { last = element; });
  return last;
}

bool valid_port(std::string_view text) {
  const auto n = base::parse_decimal(text);
  return n && *n > 0 && *n <= 65535;
}

// Servers that put fields into an environment read '_' as '-': the token that such a name would be taken for.
Token token_as_read(const Head& head, const Head::Field& f) {
  if (f.token != Token::other || head.name(f).find('_') == std::string_view::npos) return f.token;
  base::RecycledString name(head.name(f));
  std::replace(name.begin(), name.end(), '_', '-');
  return field_token(name);
}

bool begins_x_forwarded(std::string_view name) {
  return base::istarts_with(name, "x-forwarded-") || base::istarts_with(name, "x_forwarded_");
}

}  // namespace

std::string_view forwarded_address(std::string_view node) {
  node = base::trim(node);
  if (node.size() >= 2 && node.front() == '"' && node.back() == '"') node = node.substr(1, node.size() - 2);
  if (node == "unix:") return node;
  if (!node.empty() && node.front() == '[') {
    const auto end = node.find(']');
    if (end == std::string_view::npos) return {};
    const auto rest = node.substr(end + 1);
    if (!rest.empty() && (rest.front() != ':' || !valid_port(rest.substr(1)))) return {};
    node = node.substr(1, end - 1);
  } else if (const auto colon = node.find(':'); colon != std::string_view::npos && node.find(':', colon + 1) == std::string_view::npos) {
    if (!valid_port(node.substr(colon + 1))) return {};
    node = node.substr(0, colon);
  }
  return is_ip(node) ? node : std::string_view{};
}

EffectiveClient effective_client(const RequestHead& head, const net::Address& peer, const net::NetworkList& trusted, bool listener_https) {
  EffectiveClient out;
  out.ip = peer.ip();
  out.https = listener_https;
  out.peer_trusted = trusted.contains(peer);
  if (!out.peer_trusted) return out;
  const auto hops = forwarded_hops(head);
  const auto nodes = claimed_nodes(head, hops);
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    const auto address = forwarded_address(*node);
    if (address.empty()) break;  // nothing beyond a node without an address can be believed
    out.ip = address;
    if (!trusted.contains_text(address)) break;
  }
  std::string_view proto = last_of(head, Token::x_forwarded_proto);
  if (proto.empty() && !hops.empty()) proto = hops.back().proto;
  if (base::iequals(proto, "https")) out.https = true;
  else if (base::iequals(proto, "http")) out.https = false;
  std::string_view host = last_of(head, Token::x_forwarded_host);
  if (host.empty() && !hops.empty()) host = hops.back().host;
  if (parse_host(host)) out.host = host;
  if (const auto port = last_of(head, Token::x_forwarded_port); valid_port(port)) out.port = port;
  return out;
}

void strip_claims(Head& head) {
  static constexpr TokenSet claims{Token::x_forwarded_for, Token::x_forwarded_host, Token::x_forwarded_port, Token::x_forwarded_proto,
                                   Token::x_real_ip, Token::forwarded, Token::x_request_id, Token::client_cert, Token::client_cert_chain};
  head.remove_if([&head](const Head::Field& f) {
    const Token token = token_as_read(head, f);
    return claims.contains(token) || (token == Token::other && begins_x_forwarded(head.name(f)));
  });
}

void strip_identity_claims(Head& head) {
  static constexpr TokenSet identity{Token::remote_user, Token::x_remote_user, Token::x_forwarded_user};
  head.remove_if([&head](const Head::Field& f) { return identity.contains(token_as_read(head, f)); });
}

void set_forwarded(Head& head, const ForwardedSet& set) {
  static constexpr TokenSet always{Token::x_forwarded_for, Token::x_real_ip, Token::x_forwarded_proto, Token::forwarded};
  head.remove_if([&set](const Head::Field& f) {
    return always.contains(f.token) || (f.token == Token::x_forwarded_host && !set.host.empty()) ||
           (f.token == Token::x_forwarded_port && !set.port.empty());
  });
  head.add(Token::x_forwarded_for, set.client_ip);
  head.add(Token::x_real_ip, set.client_ip);
  head.add(Token::x_forwarded_proto, set.https ? "https"sv : "http"sv);
  if (!set.host.empty()) head.add(Token::x_forwarded_host, set.host);
  if (!set.port.empty()) head.add(Token::x_forwarded_port, set.port);
  const bool v6 = set.client_ip.find(':') != std::string_view::npos && set.client_ip != "unix:";
  const base::RecycledString host = set.host.empty() ? base::RecycledString() : quoted_if_needed(set.host);
  const base::RecycledString by = set.by.empty() ? base::RecycledString() : quoted_if_needed(set.by);
  head.add(Token::forwarded, {v6 ? "for=\"["sv : "for="sv, set.client_ip == "unix:" ? "_unix"sv : set.client_ip, v6 ? "]\""sv : ""sv,
                              set.https ? ";proto=https"sv : ";proto=http"sv, set.host.empty() ? ""sv : ";host="sv, host,
                              set.by.empty() ? ""sv : ";by="sv, by});
}

void append_forwarded_for(Head& head, std::string_view peer_ip) {
  const std::size_t lines = head.count(Token::x_forwarded_for);
  const std::string several = lines > 1 ? head.joined(Token::x_forwarded_for) : std::string();
  const std::string_view before = lines == 1 ? *head.get(Token::x_forwarded_for) : std::string_view(several);
  head.set(Token::x_forwarded_for, {before, before.empty() ? "" : ", ", peer_ip});
}

}  // namespace http
