// SPDX-License-Identifier: BSD-2-Clause
#include "net/address.h"

#include <catch2/catch.hpp>

#include "net/reasons.h"

using net::Address;
using net::Network;

namespace {
Address address(std::string_view text) { return Address::parse(text).value(); }
bool in(std::string_view network, std::string_view ip) { return Network::parse(network).value().contains(address(ip)); }
bool in_text(std::string_view network, std::string_view ip) { return Network::parse(network).value().contains_text(ip); }
}  // namespace

TEST_CASE("addresses are parsed and printed") {
  for (const char* text : {"127.0.0.1:80", "[::1]:8080", "unix:/run/x.sock", "abns@name", "0.0.0.0:0"}) {
    CAPTURE(text);
    CHECK(address(text).text() == text);
  }
  CHECK(address("*:80").text() == "0.0.0.0:80");
  CHECK(address("unix@/a/b").text() == "unix:/a/b");
  CHECK(address("[2001:DB8::1]:1").ip() == "2001:db8::1");
  CHECK(address("127.0.0.1:65535").port() == 65535);
  CHECK(address("unix:/x").ip() == "unix:");
  CHECK(address("unix:/x").unix_path() == "/x");
  CHECK(address("127.0.0.1:80") == address("127.0.0.1:80"));
  CHECK_FALSE(address("127.0.0.1:80") == address("127.0.0.1:81"));
  CHECK_FALSE(address("unix:/x") == address("unix:/y"));
}

TEST_CASE("what is no address says why") {
  const auto row = [](std::string_view text) { return Address::parse(text).error().reason.row; };
  CHECK(row("localhost:80") == &net::reasons::address_name);
  CHECK(row("app-1.example.org:80") == &net::reasons::address_name);
  CHECK(row("127.0.0.1") == &net::reasons::address_syntax);
  CHECK(row("127.0.0.1:65536") == &net::reasons::address_port);
  CHECK(row("127.0.0.1:") == &net::reasons::address_port);
  CHECK(row("127.0.0.1:+8") == &net::reasons::address_port);
  CHECK(row("::1:80") == &net::reasons::address_syntax);
  CHECK(row("[::1:80") == &net::reasons::address_syntax);
  CHECK(row("300.1.1.1:80") == &net::reasons::address_syntax);
  CHECK(row(":80") == &net::reasons::address_syntax);
  CHECK(row("unix:") == &net::reasons::address_path);
  CHECK(row("unix:/" + std::string(200, 'x')) == &net::reasons::address_path);
}

TEST_CASE("networks contain addresses") {
  CHECK(in("10.0.0.0/8", "10.255.1.1:1"));
  CHECK_FALSE(in("10.0.0.0/8", "11.0.0.1:1"));
  CHECK(in("192.0.2.128/25", "192.0.2.129:1"));
  CHECK_FALSE(in("192.0.2.128/25", "192.0.2.127:1"));
  CHECK(in("0.0.0.0/0", "1.2.3.4:1"));
  CHECK_FALSE(in("0.0.0.0/0", "[::1]:1"));
  CHECK(in("::/0", "[::1]:1"));
  CHECK(in("2001:db8::/33", "[2001:db8:7fff::1]:1"));
  CHECK_FALSE(in("2001:db8::/33", "[2001:db8:8000::1]:1"));
  CHECK(in("10.0.0.0/8", "[::ffff:10.1.2.3]:1"));
  CHECK(in("::ffff:10.0.0.0/104", "10.1.2.3:1"));
  CHECK(in("unix", "unix:/x"));
  CHECK_FALSE(in("unix", "127.0.0.1:1"));
  CHECK_FALSE(in("127.0.0.1", "unix:/x"));
}

TEST_CASE("networks contain textual addresses of fields") {
  CHECK(in_text("192.0.2.1", "192.0.2.1"));
  CHECK(in_text("192.0.2.1", "192.0.2.1:4711"));
  CHECK(in_text("2001:db8::/32", "[2001:db8::1]:123"));
  CHECK(in_text("2001:db8::/32", "2001:db8::1"));
  CHECK(in_text("unix", "unix:"));
  CHECK_FALSE(in_text("0.0.0.0/0", "unknown"));
  CHECK_FALSE(in_text("0.0.0.0/0", ""));
  CHECK_FALSE(in_text("::/0", "[::1"));
}

TEST_CASE("bad networks are refused") {
  for (const char* text : {"", "10.0.0.0/33", "::/129", "10.0.0/8", "host", "10.0.0.0/", "10.0.0.0/-1", "/8"}) {
    CAPTURE(text);
    CHECK_FALSE(Network::parse(text).has_value());
  }
  net::NetworkList list;
  CHECK_FALSE(list.contains(address("127.0.0.1:1")));
  list.add(Network::parse("127.0.0.0/8").value());
  CHECK(list.contains(address("127.0.0.1:1")));
  CHECK(list.contains_text("127.9.9.9"));
}
