// SPDX-License-Identifier: BSD-2-Clause
// Socket addresses as configured and as seen: IPv4, IPv6, Unix; networks for access lists. Values; any thread.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace net {

// Small: every connection has two.
class Address {
 public:
  Address() = default;
  // "127.0.0.1:80", "[::1]:80", "*:80" (all IPv4), "unix:/path", "unix@/path"; port 0..65535. Host names are not
  // resolved here (see resolver.h): they fail with reason `address-name`.
  static base::Result<Address> parse(std::string_view text);
  static Address from(const sockaddr* address, socklen_t length);
  const sockaddr* get() const { return path_ ? reinterpret_cast<const sockaddr*>(path_.get()) : &any_; }
  socklen_t length() const { return length_; }
  int family() const { return any_.sa_family; }
  bool is_unix() const { return family() == AF_UNIX; }
  std::uint16_t port() const;  // 0 for Unix
  void set_port(std::uint16_t port);
  std::string ip() const;      // "127.0.0.1", "::1"; "unix:" for Unix sockets
  std::string unix_path() const;
  std::string text() const;    // as parse() takes it
  bool operator==(const Address& other) const;

 private:
  union {
    sockaddr_in6 v6_{};
    sockaddr_in v4_;
    sockaddr any_;  // the family, also of Unix sockets
  };
  socklen_t length_ = 0;
  std::shared_ptr<const sockaddr_un> path_;  // of a Unix socket that has a name
};

// "10.0.0.0/8", "::1", "unix" (any peer on a Unix socket).
class Network {
 public:
  static base::Result<Network> parse(std::string_view text);
  bool contains(const Address& address) const;  // IPv4-mapped IPv6 peers match IPv4 networks
  // A textual address of X-Forwarded-For or Forwarded ("192.0.2.1", "[2001:db8::1]:123", "unix:").
  bool contains_text(std::string_view ip) const;
  std::string text() const { return text_; }

 private:
  bool unix_ = false;
  int family_ = 0;
  unsigned bits_ = 0;
  unsigned char bytes_[16]{};
  std::string text_;
};

class NetworkList {
 public:
  void add(Network network) { networks_.push_back(std::move(network)); }
  bool contains(const Address& address) const;
  bool contains_text(std::string_view ip) const;
  bool empty() const { return networks_.empty(); }

 private:
  std::vector<Network> networks_;
};

}  // namespace net
