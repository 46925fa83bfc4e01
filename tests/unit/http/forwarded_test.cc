// SPDX-License-Identifier: BSD-2-Clause
#include "http/forwarded.h"

#include <catch2/catch.hpp>

#include "net/address.h"

using namespace http;

namespace {

net::NetworkList trusted(std::initializer_list<const char*> texts) {
  net::NetworkList list;
  for (const auto* text : texts) {
    auto network = net::Network::parse(text);
    REQUIRE(network);
    list.add(*network);
  }
  return list;
}

EffectiveClient ask(std::initializer_list<std::pair<const char*, const char*>> fields, const char* peer = "127.0.0.1:1",
                    std::initializer_list<const char*> proxies = {"127.0.0.1", "10.0.0.0/8"}, bool https = false) {
  RequestHead head;
  for (const auto& [name, value] : fields) head.add(name, value);
  const auto address = net::Address::parse(peer);
  REQUIRE(address);
  return effective_client(head, *address, trusted(proxies), https);
}

}  // namespace

TEST_CASE("a peer that is not trusted says nothing") {
  const auto client = ask({{"X-Forwarded-For", "1.2.3.4"}, {"X-Forwarded-Proto", "https"}, {"X-Forwarded-Host", "evil"}}, "192.0.2.9:1");
  CHECK(client.ip == "192.0.2.9");
  CHECK_FALSE(client.peer_trusted);
  CHECK_FALSE(client.https);
  CHECK(client.host.empty());
}

TEST_CASE("the client is the right-most address that is not trusted") {
  CHECK(ask({{"X-Forwarded-For", "1.1.1.1, 2.2.2.2, 10.1.2.3"}}).ip == "2.2.2.2");
  CHECK(ask({{"X-Forwarded-For", "1.1.1.1"}, {"X-Forwarded-For", "2.2.2.2"}}).ip == "2.2.2.2");
  CHECK(ask({{"X-Forwarded-For", "10.9.9.9"}}).ip == "10.9.9.9");
  CHECK(ask({{"X-Forwarded-For", "1.1.1.1, unknown, 10.1.2.3"}}).ip == "10.1.2.3");
  CHECK(ask({{"X-Forwarded-For", "1.1.1.1, <script>"}}).ip == "127.0.0.1");
  CHECK(ask({{"X-Forwarded-For", "[2001:db8::1]:4711"}}).ip == "2001:db8::1");
  CHECK(ask({{"X-Forwarded-For", "2001:db8::1"}}).ip == "2001:db8::1");
  CHECK(ask({{"X-Forwarded-For", "192.0.2.1:80"}}).ip == "192.0.2.1");
  CHECK(ask({{"Forwarded", "for=1.1.1.1;proto=http, for=\"[2001:db8::2]:1\";proto=https;host=h.example"}}).ip == "2001:db8::2");
  CHECK(ask({{"X-Real-IP", "3.3.3.3"}}).ip == "3.3.3.3");
  CHECK(ask({}).ip == "127.0.0.1");
}

TEST_CASE("scheme, host and port of the nearest hop") {
  auto client = ask({{"X-Forwarded-Proto", "http, https"}, {"X-Forwarded-Host", "a, www.example.org"}, {"X-Forwarded-Port", "443"}});
  CHECK(client.https);
  CHECK(client.host == "www.example.org");
  CHECK(client.port == "443");
  CHECK_FALSE(ask({{"X-Forwarded-Proto", "http"}}, "127.0.0.1:1", {"127.0.0.1"}, true).https);
  CHECK(ask({{"X-Forwarded-Proto", "gopher"}}, "127.0.0.1:1", {"127.0.0.1"}, true).https);
  CHECK(ask({{"X-Forwarded-Host", "bad host"}}).host.empty());
  CHECK(ask({{"X-Forwarded-Port", "99999"}}).port.empty());
  CHECK(ask({{"Forwarded", "for=1.1.1.1;proto=https;host=h.example"}}).host == "h.example");
}

TEST_CASE("claims of strangers are removed in every spelling") {
  RequestHead head;
  for (const auto* name : {"X-Forwarded-For", "x-forwarded-host", "X-Forwarded-Server", "X_Forwarded_For", "x_forwarded-proto", "X-Real-IP", "Forwarded",
                           "X-Request-ID", "Client-Cert", "Client_Cert_Chain"})
    head.add(name, "x");
  head.add("X-Forward", "kept");
  head.add("Host", "kept");
  strip_claims(head);
  CHECK(head.fields().size() == 2);
  head.add("Remote-User", "x");
  head.add("X_Remote_User", "x");
  strip_identity_claims(head);
  CHECK(head.fields().size() == 2);
}

TEST_CASE("the front's fields replace what was there") {
  RequestHead head;
  head.add("X-Forwarded-For", "6.6.6.6");
  head.add("X-Forwarded-For", "7.7.7.7");
  set_forwarded(head, {"2001:db8::1", true, "www.example.org:8443", "8443", "_front"});
  CHECK(head.joined(Token::x_forwarded_for) == "2001:db8::1");
  CHECK(head.get(Token::x_forwarded_proto) == "https");
  CHECK(head.get(Token::x_forwarded_port) == "8443");
  CHECK(head.get(Token::forwarded) == "for=\"[2001:db8::1]\";proto=https;host=\"www.example.org:8443\";by=_front");
  append_forwarded_for(head, "127.0.0.1");
  CHECK(head.get(Token::x_forwarded_for) == "2001:db8::1, 127.0.0.1");
}
