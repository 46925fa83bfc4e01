// SPDX-License-Identifier: BSD-2-Clause
#include "http/host.h"

#include <arpa/inet.h>

#include <array>
#include <cstring>

#include "base/bytes.h"

namespace http {

namespace {

constexpr std::array<bool, 256> host_bytes = [] {
  std::array<bool, 256> table{};
  for (unsigned c = 0; c < 256; ++c)
    table[c] = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  // Not ',': two hosts in one field would pass for a name.
  for (char c : {'-', '.', '_', '~', '!', '$', '&', '\'', '(', ')', '*', '+', ';', '='}) table[static_cast<unsigned char>(c)] = true;
  return table;
}();

bool valid_name(std::string_view name) {
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (host_bytes[static_cast<unsigned char>(name[i])]) continue;
    if (name[i] != '%' || name.size() - i < 3) return false;
    const int high = base::hex_value(name[i + 1]), low = base::hex_value(name[i + 2]);
    if (high < 0 || low < 0 || high * 16 + low <= 0x20) return false;
    i += 2;
  }
  return !name.empty() && name.size() <= 255;
}

bool valid_ipv6(std::string_view address) {
  char text[INET6_ADDRSTRLEN + 1];
  if (address.empty() || address.size() >= sizeof text) return false;
  std::memcpy(text, address.data(), address.size());
  text[address.size()] = '\0';
  in6_addr parsed{};
  return address.find('\0') == std::string_view::npos && inet_pton(AF_INET6, text, &parsed) == 1;
}

}  // namespace

std::optional<HostPort> parse_host(std::string_view text) {
  HostPort out;
  std::string_view rest;
  if (!text.empty() && text.front() == '[') {
    const auto end = text.find(']');
    if (end == std::string_view::npos || !valid_ipv6(text.substr(1, end - 1))) return std::nullopt;
    out.host = text.substr(0, end + 1);
    rest = text.substr(end + 1);
  } else {
    out.host = text.substr(0, text.find(':'));
    rest = text.substr(out.host.size());
    if (!valid_name(out.host)) return std::nullopt;
  }
  if (rest.empty()) return out;
  if (rest.front() != ':') return std::nullopt;
  rest.remove_prefix(1);
  if (rest.empty()) return out;
  const auto port = rest.size() <= 5 ? base::parse_decimal(rest) : std::nullopt;
  if (!port || *port > 65535) return std::nullopt;
  out.port = static_cast<std::uint16_t>(*port);
  return out;
}

std::uint16_t default_port(std::string_view scheme) {
  if (base::iequals(scheme, "https")) return 443;
  if (base::iequals(scheme, "http")) return 80;
  return 0;
}

std::string normal_host(std::string_view text, std::string_view scheme) {
  const auto parsed = parse_host(text);
  if (!parsed) return {};
  std::string out = base::to_lower(parsed->host);
  if (out.size() > 1 && out.back() == '.') out.pop_back();
  if (parsed->port && *parsed->port != default_port(scheme)) {
    out += ':';
    out += std::to_string(*parsed->port);
  }
  return out;
}

bool same_authority(std::string_view a, std::string_view b, std::string_view scheme) {
  if (a == b) return true;
  const auto left = parse_host(a), right = parse_host(b);
  if (!left || !right || !base::iequals(left->host, right->host)) return false;
  const auto implied = default_port(scheme);
  return left->port.value_or(implied) == right->port.value_or(implied);
}

}  // namespace http
