// SPDX-License-Identifier: BSD-2-Clause
#include "http/cookies.h"

#include <catch2/catch.hpp>

#include "base/bytes.h"

using namespace http;

TEST_CASE("lines and crumbs are joined") {
  RequestHead head;
  head.add("Cookie", "a=1");
  head.add("Host", "h");
  head.add("cookie", "b=2; c=3");
  CHECK(joined_cookies(head) == "a=1; b=2; c=3");
  join_cookies(head);
  CHECK(head.count(Token::cookie) == 1);
  CHECK(head.get(Token::cookie) == "a=1; b=2; c=3");
  CHECK(cookie_value(head, "b") == "2");
  CHECK_FALSE(cookie_value(head, "B").has_value());
}

TEST_CASE("a log-in is found however it is hidden") {
  for (const auto* cookies : {"__ac=abc", "x=1; __ac=abc", "x=1;__ac=abc", "I18N_LANGUAGE=\"de\", __ac=abc", "x=\"1\"__ac=abc", "foo,__ac=abc", "x y __ac=abc",
                              "x=1;\t__ac = abc", "x\x01__ac=abc", "\"__ac=abc\"", "x=1, __ac =abc", "__ac"}) {
    INFO(cookies);
    CHECK(find_cookie_either_way(cookies, "__ac") == "__ac");
  }
  for (const auto* cookies : {"x__ac=abc", "__acx=abc", "my__ac=1; a=b", "x=__ac", "a=1; b=x__ac=2", "", ";;", "__AC=abc"}) {
    INFO(cookies);
    CHECK_FALSE(find_cookie_either_way(cookies, "__ac").has_value());
  }
  CHECK(find_cookie_either_way("a=1; __ac_name=x", "__ac_*") == "__ac_name");
  CHECK(find_cookie_either_way("_ga_X=1", "_ga*") == "_ga_X");
}

TEST_CASE("filtering keeps order and bytes") {
  const auto keep = [](const Cookie& c) { return c.name != "b"; };
  CHECK(filter_cookies("a=1;b=2;  c=\"3 4\" ; d", keep) == "a=1; c=\"3 4\"; d");
  CHECK(filter_cookies("b=1", keep).empty());
  RequestHead head;
  head.add("Cookie", "b=1");
  set_cookies(head, filter_cookies("b=1", keep));
  CHECK_FALSE(head.has(Token::cookie));
}

TEST_CASE("clean cookies") {
  const auto clean = [](std::string_view text) {
    Cookie cookie;
    REQUIRE(next_cookie(text, cookie));
    return is_clean(cookie);
  };
  CHECK(clean("a=b"));
  CHECK(clean("a=\"b\""));
  CHECK(clean("a="));
  CHECK(clean("a=b=c"));
  CHECK_FALSE(clean("a"));
  CHECK_FALSE(clean("a=b c"));
  CHECK_FALSE(clean("a=b,c"));
  CHECK_FALSE(clean("a=\"b"));
  CHECK_FALSE(clean("a=b\\"));
  CHECK_FALSE(clean("a=\xc3\xa4"));
  CHECK_FALSE(clean("a b=c"));
  CHECK_FALSE(clean("a =c"));
  CHECK_FALSE(clean("=c"));
}
