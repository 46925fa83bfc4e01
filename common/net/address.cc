// SPDX-License-Identifier: BSD-2-Clause
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>

#include "base/bytes.h"
#include "net/reasons.h"

namespace net {
namespace {

constexpr std::size_t path_offset = offsetof(sockaddr_un, sun_path);

const sockaddr_in& v4(const sockaddr* a) { return *reinterpret_cast<const sockaddr_in*>(a); }
const sockaddr_in6& v6(const sockaddr* a) { return *reinterpret_cast<const sockaddr_in6*>(a); }

// In dotted decimals; at most 15 bytes. inet_ntop() is as slow as the printf it is made of, and every request's address is written.
std::size_t write_v4(const in_addr& address, char* out) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(&address);
  char* at = out;
  for (int i = 0; i < 4; ++i) {
    if (i > 0) *at++ = '.';
    at = std::to_chars(at, at + 3, bytes[i]).ptr;
  }
  return static_cast<std::size_t>(at - out);
}

// inet_pton wants a terminated string; an address has at most 45 characters.
bool parse_ip(int family, std::string_view text, void* out) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof buffer) return false;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = 0;
  return ::inet_pton(family, buffer, out) == 1;
}

// An address as 4 or 16 bytes; IPv4-mapped ones as IPv4.
struct Bytes {
  int family = 0;
  unsigned char bytes[16]{};
};

Bytes unmapped(const unsigned char* ip6) {
  static constexpr unsigned char prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  Bytes out;
  if (std::memcmp(ip6, prefix, 12) == 0) {
    out.family = AF_INET;
    std::memcpy(out.bytes, ip6 + 12, 4);
  } else {
    out.family = AF_INET6;
    std::memcpy(out.bytes, ip6, 16);
  }
  return out;
}

Bytes bytes_of(std::string_view text) {
  Bytes out;
  if (parse_ip(AF_INET, text, out.bytes)) {
    out.family = AF_INET;
  } else if (unsigned char ip6[16]; parse_ip(AF_INET6, text, ip6)) {
    out = unmapped(ip6);
  }
  return out;
}

Bytes bytes_of(const Address& address) {
  Bytes out;
  if (address.family() == AF_INET) {
    out.family = AF_INET;
    std::memcpy(out.bytes, &v4(address.get()).sin_addr, 4);
  } else if (address.family() == AF_INET6) {
    out = unmapped(v6(address.get()).sin6_addr.s6_addr);
  }
  return out;
}

// The address inside "192.0.2.1:80", "[2001:db8::1]:123" or a bare one.
std::string_view without_port(std::string_view text) {
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    return end == std::string_view::npos ? std::string_view{} : text.substr(1, end - 1);
  }
  const auto colon = text.find(':');
  if (colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos) return text.substr(0, colon);
  return text;
}

bool is_unix_text(std::string_view text) { return text == "unix" || text.starts_with("unix:") || text.starts_with("unix@"); }

}  // namespace

base::Result<Address> Address::parse(std::string_view text) {
  Address out;
  const bool abstract = text.starts_with("abns@");
  if (text.starts_with("unix:") || text.starts_with("unix@") || abstract) {
    const std::string_view path = text.substr(5);
    const std::size_t lead = abstract ? 1 : 0;
    constexpr std::size_t limit = sizeof(sockaddr_un::sun_path) - 1;
    if (path.empty() || path.size() > limit - lead || path.find('\0') != std::string_view::npos)
      return base::fail(reasons::address_path, base::Side::internal, limit - lead, 0, text);
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    std::memcpy(a.sun_path + lead, path.data(), path.size());
    return from(reinterpret_cast<const sockaddr*>(&a), static_cast<socklen_t>(path_offset + path.size() + 1));
  }
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return base::fail(reasons::address_syntax, base::Side::internal, 0, 0, text);
  const auto port = base::parse_decimal(text.substr(colon + 1));
  if (!port || *port > 65535) return base::fail(reasons::address_port, base::Side::internal, 0, 0, text);
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    sockaddr_in6 a{};
    a.sin6_family = AF_INET6;
    if (!parse_ip(AF_INET6, host.substr(1, host.size() - 2), &a.sin6_addr))
      return base::fail(reasons::address_syntax, base::Side::internal, 0, 0, text);
    out = from(reinterpret_cast<const sockaddr*>(&a), sizeof a);
  } else {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    if (host != "*" && !parse_ip(AF_INET, host, &a.sin_addr)) {
      const bool name = host.find_first_not_of("0123456789.") != std::string_view::npos && host.find_first_of(":[]*/@ ") == std::string_view::npos;
      return base::fail(name ? reasons::address_name : reasons::address_syntax, base::Side::internal, 0, 0, text);
    }
    out = from(reinterpret_cast<const sockaddr*>(&a), sizeof a);
  }
  out.set_port(static_cast<std::uint16_t>(*port));
  return out;
}

Address Address::from(const sockaddr* address, socklen_t length) {
  Address out;
  if (length < sizeof address->sa_family) return out;
  if (address->sa_family == AF_UNIX && length > path_offset) {
    out.length_ = std::min<socklen_t>(length, sizeof(sockaddr_un));
    auto named = std::make_shared<sockaddr_un>();
    std::memcpy(named.get(), address, out.length_);
    out.path_ = std::move(named);
    out.any_.sa_family = AF_UNIX;
  } else {
    out.length_ = std::min<socklen_t>(length, sizeof out.v6_);
    std::memcpy(&out.v6_, address, out.length_);
  }
  return out;
}

std::uint16_t Address::port() const {
  if (family() == AF_INET) return ntohs(v4(get()).sin_port);
  if (family() == AF_INET6) return ntohs(v6(get()).sin6_port);
  return 0;
}

void Address::set_port(std::uint16_t port) {
  if (family() == AF_INET) v4_.sin_port = htons(port);
  if (family() == AF_INET6) v6_.sin6_port = htons(port);
}

std::string Address::ip() const {
  char buffer[INET6_ADDRSTRLEN];
  if (family() == AF_INET) return {buffer, write_v4(v4(get()).sin_addr, buffer)};
  if (family() == AF_INET6 && ::inet_ntop(AF_INET6, &v6(get()).sin6_addr, buffer, sizeof buffer)) return buffer;
  return is_unix() ? "unix:" : "";
}

std::string Address::unix_path() const {
  if (!path_) return {};
  const std::size_t room = length_ - path_offset;
  const std::size_t lead = path_->sun_path[0] == 0 ? 1 : 0;
  if (room <= lead) return {};
  return {path_->sun_path + lead, ::strnlen(path_->sun_path + lead, room - lead)};
}

std::string Address::text() const {
  if (is_unix()) {
    const bool abstract = path_ && length_ > path_offset + 1 && path_->sun_path[0] == 0;
    return (abstract ? "abns@" : "unix:") + unix_path();
  }
  if (family() == AF_INET6) return "[" + ip() + "]:" + std::to_string(port());
  if (family() == AF_INET) return ip() + ":" + std::to_string(port());
  return {};
}

bool Address::operator==(const Address& other) const {
  if (family() != other.family() || port() != other.port()) return false;
  if (is_unix()) return text() == other.text();
  if (family() == AF_INET) return v4(get()).sin_addr.s_addr == v4(other.get()).sin_addr.s_addr;
  if (family() == AF_INET6)
    return std::memcmp(&v6(get()).sin6_addr, &v6(other.get()).sin6_addr, 16) == 0 && v6(get()).sin6_scope_id == v6(other.get()).sin6_scope_id;
  return true;
}

base::Result<Network> Network::parse(std::string_view text) {
  Network out;
  out.text_ = std::string(text);
  if (text == "unix" || text == "unix:") {
    out.unix_ = true;
    return out;
  }
  const auto slash = text.find('/');
  std::string_view ip = text.substr(0, slash);
  if (ip.starts_with('[') && ip.ends_with(']')) ip = ip.substr(1, ip.size() - 2);
  const bool wide = ip.find(':') != std::string_view::npos;
  const Bytes bytes = bytes_of(ip);
  const unsigned limit = wide ? 128 : 32;
  std::optional<std::uint64_t> bits = slash == std::string_view::npos ? limit : base::parse_decimal(text.substr(slash + 1));
  if (wide && bytes.family == AF_INET && bits) bits = *bits >= 96 ? std::optional(*bits - 96) : std::nullopt;  // ::ffff:0:0/96 and inside
  if (!bytes.family || !bits || *bits > limit) return base::fail(reasons::network_syntax, base::Side::internal, 0, 0, text);
  out.family_ = bytes.family;
  out.bits_ = static_cast<unsigned>(*bits);
  std::memcpy(out.bytes_, bytes.bytes, 16);
  return out;
}

namespace {
bool inside(const Bytes& a, int family, const unsigned char* network, unsigned bits) {
  if (a.family != family) return false;
  if (std::memcmp(a.bytes, network, bits / 8) != 0) return false;
  const unsigned rest = bits % 8;
  return rest == 0 || ((a.bytes[bits / 8] ^ network[bits / 8]) >> (8 - rest)) == 0;
}
}  // namespace

bool Network::contains(const Address& address) const {
  if (unix_) return address.is_unix();
  return inside(bytes_of(address), family_, bytes_, bits_);
}

bool Network::contains_text(std::string_view ip) const {
  if (is_unix_text(ip)) return unix_;
  return !unix_ && inside(bytes_of(without_port(ip)), family_, bytes_, bits_);
}

bool NetworkList::contains(const Address& address) const {
  return std::any_of(networks_.begin(), networks_.end(), [&](const Network& n) { return n.contains(address); });
}

bool NetworkList::contains_text(std::string_view ip) const {
  return std::any_of(networks_.begin(), networks_.end(), [&](const Network& n) { return n.contains_text(ip); });
}

}  // namespace net
