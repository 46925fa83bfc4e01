// SPDX-License-Identifier: BSD-2-Clause
// Lists, dates, Via, codings, media types, structured fields, request names.
#include <catch2/catch.hpp>

#include "http/codings.h"
#include "http/dates.h"
#include "http/fields.h"
#include "http/media_type.h"
#include "http/request_id.h"
#include "http/structured_fields.h"
#include "http/via.h"

using namespace http;

namespace {

RequestHead with(std::string_view name, std::string_view value) {
  RequestHead head;
  head.add(name, value);
  return head;
}

}  // namespace

TEST_CASE("lists over several lines, commas within quotes") {
  RequestHead head;
  head.add("Vary", " a ,,b");
  head.add("Vary", "\"c,d\\\"\", e");
  std::string seen;
  for_each_in_field(head, Token::vary, [&](std::string_view element) { seen += std::string(element) + "|"; });
  CHECK(seen == "a|b|\"c,d\\\"\"|e|");
  CHECK(has_token(head, Token::vary, "B"));
  CHECK_FALSE(has_token(head, Token::vary, "c"));
  CHECK(has_token("trailers;q=0.5, gzip", "trailers"));
  std::string_view rest;
  CHECK(element_name("text/html; a=\"x;y\" ;b", rest) == "text/html");
  Parameter p;
  REQUIRE(next_parameter(rest, p));
  CHECK(p.name == "a");
  CHECK(p.value == "x;y");
  REQUIRE(next_parameter(rest, p));
  CHECK(p.name == "b");
  CHECK_FALSE(p.has_value);
  CHECK_FALSE(next_parameter(rest, p));
  CHECK(quoted_if_needed("a b\"") == "\"a b\\\"\"");
  CHECK(quoted_if_needed("abc") == "abc");
  CHECK(quoted_if_needed("127.0.0.1:80") == "\"127.0.0.1:80\"");
  CHECK(quoted_if_needed("a:\x01\x7f\\\xe9") == "\"a:\\\\\xe9\"");  // controls cannot be quoted at all
  CHECK(quoted_if_needed("") == "\"\"");
}

TEST_CASE("dates") {
  CHECK(format_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(parse_date("Sun, 06 Nov 1994 08:49:37 GMT") == 784111777);
  CHECK(parse_date("Sunday, 06-Nov-94 08:49:37 GMT", 1'700'000'000) == 784111777);
  CHECK(parse_date("Sun Nov  6 08:49:37 1994") == 784111777);
  CHECK(parse_date("Monday, 01-Jan-70 00:00:00 GMT", 1'700'000'000) == 0 + 3155760000);  // 2070: within 50 years
  CHECK(parse_date("Monday, 01-Jan-75 00:00:00 GMT", 1'700'000'000) == 157766400);
  for (const auto* bad : {"", "0", "-1", "Sun, 06 Nov 1994 08:49:37", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT ",
                          "Sun, 6 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z"})
    CHECK_FALSE(parse_date(bad).has_value());
  for (const std::int64_t t : {std::int64_t{0}, std::int64_t{951782400}, std::int64_t{4102444799}, std::int64_t{-1}, std::int64_t{1709164800}})
    CHECK(parse_date(format_date(t)) == t);
  base::FakeClock clock(784111777);
  CHECK(http_date(clock) == "Sun, 06 Nov 1994 08:49:37 GMT");
  clock.advance(std::chrono::seconds(1));
  CHECK(http_date(clock) == "Sun, 06 Nov 1994 08:49:38 GMT");
}

TEST_CASE("Via") {
  RequestHead head;
  append_via(head, "1.1", "webfront-1a2b3c");
  append_via(head, "2", "cachenode-1");
  CHECK(head.get(Token::via) == "1.1 webfront-1a2b3c, 2 cachenode-1");
  head.add(Token::via, "1.0 cachenode-1 (a comment), waitress, HTTP/1.1 cachenode-10");
  CHECK(count_via(head, "cachenode-1") == 2);
  CHECK(count_via(head, "webfront-1a2b3c") == 1);
  CHECK(count_via(head, "waitress") == 0);
  CHECK(count_via(head, "cachenode") == 0);
}

TEST_CASE("Accept-Encoding") {
  CHECK(coding_weight(with("Accept-Encoding", "gzip;q=0.5, br"), "gzip") == 500);
  CHECK(coding_weight(with("Accept-Encoding", "x-gzip"), "gzip") == 1000);
  CHECK(coding_weight(with("Accept-Encoding", "*;q=0.1"), "br") == 100);
  CHECK(coding_weight(with("Accept-Encoding", "gzip;q=0, *"), "gzip") == 0);
  CHECK(coding_weight(with("Accept-Encoding", "*;q=0"), "identity") == 0);
  CHECK(coding_weight(with("Accept-Encoding", "gzip;q=2"), "gzip") == 0);
  CHECK(coding_weight(RequestHead(), "gzip") == 0);
  CHECK(coding_weight(RequestHead(), "identity") == 1000);
  CHECK(choose_coding(with("Accept-Encoding", "gzip, deflate, br"), {"br", "gzip"}) == "br");
  CHECK(choose_coding(with("Accept-Encoding", "gzip, br;q=0.9"), {"br", "gzip"}) == "gzip");
  CHECK(choose_coding(with("Accept-Encoding", "gzip;q=0.5, identity"), {"br", "gzip"}) == "identity");
  CHECK(choose_coding(RequestHead(), {"br", "gzip"}) == "identity");
}

TEST_CASE("classes of Accept") {
  CHECK(accept_class(with("Accept", "application/json")) == AcceptClass::api);
  CHECK(accept_class(with("Accept", "application/json;q=0.9")) == AcceptClass::api);
  CHECK(accept_class(with("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")) == AcceptClass::page);
  CHECK(accept_class(with("Accept", "application/json, text/plain")) == AcceptClass::page);
  CHECK(accept_class(with("Accept", "*/*")) == AcceptClass::page);
  CHECK(accept_class(RequestHead()) == AcceptClass::page);
  CHECK(media_matches("text/*", "text/HTML"));
  CHECK_FALSE(media_matches("text/*", "application/json"));
  CHECK(media_essence("text/html; charset=utf-8") == "text/html");
}

TEST_CASE("structured fields") {
  using namespace http::structured;
  const auto dictionary = parse_dictionary("max-age=600, must-revalidate, x=(a \"b c\";p=1);q, y=?0, z=1.5, b=:aGk=:, max-age=10");
  REQUIRE(dictionary);
  CHECK(std::get<std::int64_t>(structured::find(*dictionary, "max-age")->item()->value) == 10);
  CHECK(std::get<bool>(structured::find(*dictionary, "must-revalidate")->item()->value));
  CHECK_FALSE(std::get<bool>(structured::find(*dictionary, "y")->item()->value));
  CHECK(std::get<double>(structured::find(*dictionary, "z")->item()->value) == 1.5);
  CHECK(std::get<Octets>(structured::find(*dictionary, "b")->item()->value).value == "hi");
  const auto* x = structured::find(*dictionary, "x");
  REQUIRE(x->inner_list);
  REQUIRE(x->items.size() == 2);
  CHECK(std::get<Text>(x->items[1].value).value == "b c");
  CHECK(structured::find(x->parameters, "q") != nullptr);
  const auto list = parse_list("cachenode; hit; ttl=376, other;detail=\"a\\\"b\", -15, @1659578233");
  REQUIRE(list);
  REQUIRE(list->size() == 4);
  CHECK(std::get<TokenText>(list->at(0).item()->value).value == "cachenode");
  CHECK(std::get<std::int64_t>(*structured::find(list->at(0).item()->parameters, "ttl")) == 376);
  CHECK(std::get<Text>(*structured::find(list->at(1).item()->parameters, "detail")).value == "a\"b");
  for (const auto* bad : {"a=", "a,", "A=1", "a=1 b=2", "a=\"x", "a=\"\\x\"", "a=1.2345", "a=1234567890123456", "a=(1 2", "a=(1,2)", "a=?2", "a;b=1;"})
    CHECK_FALSE(parse_dictionary(bad).has_value());
  CHECK(parse_dictionary("")->empty());
  CHECK_FALSE(parse_item("1 2").has_value());
  CHECK(write_string("a\"b\\\n") == "\"a\\\"b\\\\\"");
  CHECK(write_token_or_string("uri-miss") == "uri-miss");
  CHECK(write_token_or_string("1a") == "\"1a\"");
}

TEST_CASE("request names") {
  const auto a = new_request_id(), b = new_request_id();
  CHECK(a.size() == 32);
  CHECK(a != b);
  CHECK(valid_request_id(a));
  CHECK_FALSE(valid_request_id("a b"));
  CHECK_FALSE(valid_request_id(""));
  CHECK_FALSE(valid_request_id(std::string(129, 'a')));
}
