// SPDX-License-Identifier: BSD-2-Clause
// Option types that need the network's: addresses and networks. Values; any thread once read.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/values.h"
#include "net/address.h"

namespace process {

// An address as written and as used. A host name is resolved once, when the configuration is read.
struct Address {
  std::string text;      // empty: none
  net::Address address;
  explicit operator bool() const { return !text.empty(); }
};

// A list of networks and the word `unix`: trusted_proxies, allow, client.
struct Networks {
  std::vector<std::string> texts;
  std::shared_ptr<const net::NetworkList> list = std::make_shared<const net::NetworkList>();  // never null
  bool empty() const { return texts.empty(); }
};

}  // namespace process

template <>
struct config::Value<process::Address> {
  static void read(Context& context, const Node& node, process::Address& out);
  static Node write(const process::Address& value) { return value ? Node::of(std::string_view(value.text)) : Node(); }
  static std::string type() { return "address"; }
  static bool accepts(const Node& node) { return node.is(Kind::string); }
};
template <>
struct config::Value<process::Networks> {
  static void read(Context& context, const Node& node, process::Networks& out);
  static Node write(const process::Networks& value) { return Value<std::vector<std::string>>::write(value.texts); }
  static std::string type() { return "list of networks"; }
  static bool accepts(const Node& node) { return node.is(Kind::string) || node.is(Kind::array); }
};
