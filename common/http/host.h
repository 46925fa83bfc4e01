// SPDX-License-Identifier: BSD-2-Clause
// Hosts and ports as Host, :authority, Origin and absolute targets carry them (RFC 9110 7.2, RFC 3986 3.2). Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace http {

struct HostPort {
  std::string_view host;              // as it came; an IPv6 address with its brackets
  std::optional<std::uint16_t> port;  // absent also for "host:" with an empty port
};

// Registered name, IPv4 or "[IPv6]", with optional port 0..65535. No user information, no empty host, nothing else:
// nullopt. A registered name may have letters, digits and "-._~!$&'()*+;=" and valid %XX.
std::optional<HostPort> parse_host(std::string_view text);
// Port that `scheme` implies: 80, 443 or 0.
std::uint16_t default_port(std::string_view scheme);
// The form for keys and comparing: lower case, without the scheme's default port and without a final dot.
// Empty if `text` is not valid.
std::string normal_host(std::string_view text, std::string_view scheme);
// The same host and port, letter case and the scheme's default port aside.
bool same_authority(std::string_view a, std::string_view b, std::string_view scheme);

}  // namespace http
