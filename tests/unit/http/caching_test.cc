// SPDX-License-Identifier: BSD-2-Clause
// Cache-Control, conditional requests, ranges.
#include <catch2/catch.hpp>

#include "http/cache_control.h"
#include "http/conditionals.h"
#include "http/dates.h"
#include "http/ranges.h"

using namespace http;

TEST_CASE("Cache-Control") {
  auto c = parse_cache_control("Public, max-age=60, s-maxage=\"120\", private=\"set-cookie\", no-cache, max-age=5, x=y, stale-if-error=10");
  CHECK(c.present);
  CHECK(c.is_public);
  CHECK(c.is_private);
  CHECK(c.no_cache);
  CHECK(c.max_age == 60);
  CHECK(c.s_maxage == 120);
  CHECK(c.stale_if_error == 10);
  CHECK_FALSE(c.no_store);
  CHECK(parse_cache_control("max-age=99999999999999999999").max_age == longest_lifetime);
  CHECK(parse_cache_control("max-age=4294967296").max_age == longest_lifetime);
  CHECK(parse_cache_control("max-age=-1").max_age == 0);
  CHECK(parse_cache_control("max-age=1.5").max_age == 0);
  CHECK(parse_cache_control("max-age").max_age == 0);
  CHECK(parse_cache_control("max-age = 5").max_age == 5);
  CHECK(parse_cache_control("max-stale").any_max_stale);
  CHECK(parse_cache_control("max-stale=3").max_stale == 3);
  CHECK_FALSE(parse_cache_control("").present);
  CHECK_FALSE(parse_cache_control("x=\"no-store, private\"").no_store);
  ResponseHead head(200);
  head.add("Cache-Control", "max-age=1");
  head.add("Cache-Control", "no-store");
  CHECK(cache_control_of(head).no_store);
  CHECK(cache_control_of(head).max_age == 1);
}

TEST_CASE("targeted fields") {
  ResponseHead head(200);
  head.add("Cache-Control", "no-store");
  CHECK(effective_cache_control(head).control.no_store);
  head.add("Surrogate-Control", "max-age=600+30, content=\"ESI/1.0\", no-store;other");
  auto e = effective_cache_control(head);
  CHECK(e.from == Token::surrogate_control);
  CHECK(e.control.max_age == 600);
  CHECK(e.control.stale_while_revalidate == 30);
  CHECK_FALSE(e.control.no_store);
  head.add("CDN-Cache-Control", "max-age=10, must-revalidate");
  e = effective_cache_control(head);
  CHECK(e.from == Token::cdn_cache_control);
  CHECK(e.control.max_age == 10);
  CHECK(e.control.must_revalidate);
  head.add("Cachenode-Cache-Control", "max-age=10, MUST=");  // does not parse: ignored
  CHECK(effective_cache_control(head).from == Token::cdn_cache_control);
  head.set("Cachenode-Cache-Control", "");
  CHECK(effective_cache_control(head).from == Token::cdn_cache_control);
  head.set("Cachenode-Cache-Control", "max-age=7");
  CHECK(effective_cache_control(head).control.max_age == 7);
}

TEST_CASE("editing a directive") {
  ResponseHead head(200);
  head.add("Cache-Control", "max-age=0, S-MaxAge=86400");
  head.add("Cache-Control", "must-revalidate, s-maxage=5");
  edit_directive(head, "s-maxage", "0");
  CHECK(head.joined(Token::cache_control) == "max-age=0, s-maxage=0, must-revalidate");
  edit_directive(head, "s-maxage", std::nullopt);
  CHECK(head.joined(Token::cache_control) == "max-age=0, must-revalidate");
  edit_directive(head, "private", std::nullopt);
  CHECK(head.joined(Token::cache_control) == "max-age=0, must-revalidate");
}

namespace {

Precondition evaluate(std::initializer_list<std::pair<const char*, const char*>> fields, std::string_view method = "GET") {
  RequestHead head;
  head.set_method(method);
  for (const auto& [name, value] : fields) head.add(name, value);
  return evaluate_preconditions(head, {"\"e1\"", parse_date("Sun, 06 Nov 1994 08:49:37 GMT"), std::nullopt});
}

constexpr const char* same = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr const char* earlier = "Sun, 06 Nov 1994 08:49:36 GMT";
constexpr const char* later = "Sun, 06 Nov 1994 08:49:38 GMT";

}  // namespace

TEST_CASE("entity tags") {
  CHECK(parse_etag("\"a\"")->weak == false);
  CHECK(parse_etag("W/\"a\"")->weak);
  CHECK_FALSE(parse_etag("a").has_value());
  CHECK_FALSE(parse_etag("w/\"a\"").has_value());
  CHECK_FALSE(parse_etag("\"a b\"").has_value());
  CHECK(etag_list_matches("\"x\", W/\"e1\"", "\"e1\"", false));
  CHECK_FALSE(etag_list_matches("\"x\", W/\"e1\"", "\"e1\"", true));
  CHECK(etag_list_matches("\"a,\\\",\"e1\"", "\"e1\"", true));  // a backslash escapes nothing here
  CHECK(etag_list_matches("*", "", false));
  CHECK_FALSE(etag_list_matches("e1", "\"e1\"", false));
}

TEST_CASE("preconditions and their order") {
  CHECK(evaluate({}) == Precondition::proceed);
  CHECK(evaluate({{"If-None-Match", "\"e1\""}}) == Precondition::not_modified);
  CHECK(evaluate({{"If-None-Match", "W/\"e1\""}}) == Precondition::not_modified);
  CHECK(evaluate({{"If-None-Match", "\"x\""}, {"If-None-Match", "\"e1\""}}) == Precondition::not_modified);
  CHECK(evaluate({{"If-None-Match", "\"e1\""}}, "HEAD") == Precondition::not_modified);
  CHECK(evaluate({{"If-None-Match", "\"e1\""}}, "PUT") == Precondition::failed);
  CHECK(evaluate({{"If-None-Match", "*"}}, "PUT") == Precondition::failed);
  CHECK(evaluate({{"If-None-Match", "\"x\""}, {"If-Modified-Since", later}}) == Precondition::proceed);
  CHECK(evaluate({{"If-Modified-Since", same}}) == Precondition::not_modified);
  CHECK(evaluate({{"If-Modified-Since", later}}) == Precondition::not_modified);
  CHECK(evaluate({{"If-Modified-Since", earlier}}) == Precondition::proceed);
  CHECK(evaluate({{"If-Modified-Since", "nonsense"}}) == Precondition::proceed);
  CHECK(evaluate({{"If-Modified-Since", later}}, "POST") == Precondition::proceed);
  CHECK(evaluate({{"If-Match", "\"e1\""}}) == Precondition::proceed);
  CHECK(evaluate({{"If-Match", "W/\"e1\""}}) == Precondition::failed);
  CHECK(evaluate({{"If-Match", "\"x\""}, {"If-None-Match", "\"e1\""}}) == Precondition::failed);
  CHECK(evaluate({{"If-Unmodified-Since", earlier}}) == Precondition::failed);
  CHECK(evaluate({{"If-Unmodified-Since", same}}) == Precondition::proceed);
  CHECK(evaluate({{"If-Match", "\"e1\""}, {"If-Unmodified-Since", earlier}}) == Precondition::proceed);
}

TEST_CASE("If-Range is strong") {
  const auto holds = [](std::string_view value, std::string_view etag = "\"e1\"") {
    RequestHead head;
    head.add("If-Range", value);
    return if_range_holds(head, {etag, parse_date(same), parse_date("Mon, 07 Nov 1994 08:49:37 GMT")});
  };
  CHECK(if_range_holds(RequestHead(), {}));
  CHECK(holds("\"e1\""));
  CHECK_FALSE(holds("W/\"e1\""));
  CHECK_FALSE(holds("W/\"e1\"", "W/\"e1\""));
  CHECK(holds(same));
  CHECK_FALSE(holds(earlier));
  CHECK_FALSE(holds(later));
  RequestHead head;
  head.add("If-Range", same);
  CHECK_FALSE(if_range_holds(head, {"", parse_date(same), parse_date(same)}));  // changed within the second it was sent
}

TEST_CASE("ranges") {
  using Kind = RangeRequest::Kind;
  const auto one = [](std::string_view value, std::uint64_t size = 1000) {
    const auto r = parse_ranges(value, size);
    if (r.kind == Kind::whole) return std::string("whole");
    if (r.kind == Kind::unsatisfiable) return std::string("unsatisfiable");
    std::string out;
    for (const auto& range : r.ranges) out += std::to_string(range.first) + "+" + std::to_string(range.length) + " ";
    return out;
  };
  CHECK(one("bytes=0-0") == "0+1 ");
  CHECK(one("bytes=10-") == "10+990 ");
  CHECK(one("bytes=-10") == "990+10 ");
  CHECK(one("bytes=-2000") == "0+1000 ");
  CHECK(one("bytes=990-2000") == "990+10 ");
  CHECK(one("bytes=0-99999999999999999999") == "0+1000 ");
  CHECK(one("bytes=1000-") == "unsatisfiable");
  CHECK(one("bytes=-0") == "unsatisfiable");
  CHECK(one("bytes=0-1", 0) == "unsatisfiable");
  CHECK(one("bytes=0-1, 5-6 ,-1") == "0+2 5+2 999+1 ");
  CHECK(one("bytes=0-1,2000-") == "0+2 ");
  CHECK(one("bytes=0-10,5-20") == "whole");
  CHECK(one("bytes=5-4") == "whole");
  CHECK(one("bytes=a-b") == "whole");
  CHECK(one("bytes=-") == "whole");
  CHECK(one("bytes=") == "whole");
  CHECK(one("bytes") == "whole");
  CHECK(one("seconds=0-1") == "whole");
  CHECK(one("bytes=+1-2") == "whole");
  std::string many = "bytes=0-0";
  for (int i = 1; i < 17; ++i) many += "," + std::to_string(i * 10) + "-" + std::to_string(i * 10);
  CHECK(one(many) == "whole");
  CHECK(content_range({10, 5}, 100) == "bytes 10-14/100");
  RequestHead head;
  head.set_method("HEAD");
  head.add("Range", "bytes=0-1");
  CHECK(requested_ranges(head, 10).kind == Kind::whole);
  head.set_method("GET");
  CHECK(requested_ranges(head, 10).kind == Kind::ranges);
  OpenRange open;
  CHECK(single_range_without_size("bytes=5-9", open));
  CHECK(open.first == 5);
  CHECK(open.last == 9);
  CHECK(single_range_without_size("bytes=5-", open));
  CHECK_FALSE(single_range_without_size("bytes=-5", open));
  CHECK_FALSE(single_range_without_size("bytes=1-2,3-4", open));
}

TEST_CASE("multipart/byteranges") {
  const Multipart parts("XyZ", "text/plain", 10);
  const std::string content = "0123456789";
  const std::vector<ByteRange> ranges{{0, 2}, {5, 3}};
  std::string body;
  for (std::size_t i = 0; i < ranges.size(); ++i) body += parts.part_head(ranges[i], i == 0) + content.substr(ranges[i].first, ranges[i].length);
  body += parts.end();
  CHECK(body ==
        "--XyZ\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n--XyZ\r\nContent-Type: text/plain\r\nContent-Range: bytes "
        "5-7/10\r\n\r\n567\r\n--XyZ--\r\n");
  CHECK(parts.length(ranges) == body.size());
}
