// SPDX-License-Identifier: BSD-2-Clause
#include "http/head.h"

#include <catch2/catch.hpp>

using http::RequestHead;
using http::ResponseHead;
using http::Token;

TEST_CASE("fields keep order and spelling") {
  RequestHead head;
  head.add("hOsT", "a");
  head.add("X-One", "1");
  head.add("x-one", "2");
  REQUIRE(head.fields().size() == 3);
  CHECK(head.name(head.fields()[0]) == "hOsT");
  CHECK(head.fields()[0].token == Token::host);
  CHECK(head.get("X-ONE") == "1");
  CHECK(head.host() == "a");
  head.set("X-one", "3");
  REQUIRE(head.fields().size() == 2);
  CHECK(head.name(head.fields()[1]) == "X-one");
  CHECK(head.get("x-one") == "3");
  head.remove("x-ONE");
  CHECK_FALSE(head.get("x-one").has_value());
}

TEST_CASE("set replaces the first and removes the others") {
  ResponseHead head(200);
  head.add(Token::vary, "a");
  head.add(Token::etag, "\"e\"");
  head.add(Token::vary, "b");
  CHECK(head.joined(Token::vary) == "a, b");
  head.set(Token::vary, "c");
  REQUIRE(head.fields().size() == 2);
  CHECK(head.fields()[0].token == Token::vary);
  CHECK(head.get(Token::vary) == "c");
  CHECK(head.count(Token::vary) == 1);
}

TEST_CASE("a value may be a view of the head itself") {
  RequestHead head;
  head.add("A", std::string(50, 'x'));
  for (int i = 0; i < 50; ++i) head.add("B", *head.get("A"));  // the block grows and moves meanwhile
  for (const auto& f : head.fields()) CHECK(head.value(f) == std::string(50, 'x'));
  head.set_target("/some/where?q=1");
  head.set_target(head.path());
  CHECK(head.target() == "/some/where");
}

TEST_CASE("parts may be views of a head so small that its bytes lie within itself") {
  RequestHead head;
  head.add("A", "bcd");
  head.set(Token::via, {*head.get("A"), ", 1.1 ", "front"});
  CHECK(head.get(Token::via) == "bcd, 1.1 front");
  CHECK(head.get("A") == "bcd");
}

TEST_CASE("copies and moves keep their own bytes") {
  RequestHead head;
  head.set_method("GET");
  head.set_target("/a?b");
  head.add("Host", "h");
  RequestHead copy = head;
  RequestHead moved = std::move(head);
  copy.set_target("/other");
  CHECK(moved.target() == "/a?b");
  CHECK(moved.path() == "/a");
  CHECK(moved.query() == "b");
  CHECK(moved.method() == http::Method::get);
  CHECK(copy.host() == "h");
}

TEST_CASE("methods are case-sensitive") {
  CHECK(http::method_from("GET") == http::Method::get);
  CHECK(http::method_from("get") == http::Method::other);
  CHECK(http::method_from("DELETE") == http::Method::delete_);
  CHECK(http::method_from("PURGE") == http::Method::purge);
  CHECK(http::method_from("BANANA") == http::Method::other);
}
