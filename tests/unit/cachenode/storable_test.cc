// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include "cachenode/answer_head.h"
#include "tests/unit/cachenode/decision_helpers.h"

using namespace cachenode;

namespace {

constexpr Seconds now_wall = 1'700'000'000;  // Tue, 14 Nov 2023 22:13:20 GMT

struct Judged {
  StoreDecision decision;
  std::string text;
  const char* code;
};

Judged judge(const Policy& policy, int status, std::string_view fields, std::string_view asked = "GET /", bool credentials_removed = false,
             std::optional<std::uint64_t> length = std::nullopt) {
  const http::RequestHead head = request(asked);
  const http::ResponseHead reply = answer(status, fields);
  observe::FullWhy full;
  observe::LastReason last;
  AnswerView view{head, reply, length};
  const RuleView rules{"/", "www.example.org", head, &reply};
  observe::LastReason unused;
  view.request_rule = find_rule(policy.rules, RuleView{"/", "www.example.org", head}, false, unused);
  view.answer_rule = find_rule(policy.rules, rules, true, unused);
  view.credentials_removed = credentials_removed;
  view.now_wall = now_wall;
  const StoreDecision a = storable(policy, view, full), b = storable(policy, view, last);
  CHECK(a.store == b.store);
  CHECK(a.why == b.why);
  CHECK(a.freshness.lifetime == b.freshness.lifetime);
  CHECK(full.last() == last.last().row);
  return {a, full.text(), last.last().row->name};
}

}  // namespace

TEST_CASE("Plone's pages are stored by s-maxage, whatever max-age and Expires say") {
  const Judged j = judge(plone_policy(), 200, "Cache-Control: max-age=0, s-maxage=86400, must-revalidate\nExpires: Thu, 16 Nov 2013 00:00:00 GMT");
  CHECK(j.decision.store);
  CHECK(j.decision.freshness.lifetime == 86400);
  CHECK(std::string(j.decision.freshness.forbids_stale) == "must-revalidate");
  CHECK(j.decision.freshness.stale_override);
  CHECK(j.decision.freshness.stale_if_error == 86400);
  CHECK(j.text ==
        "  - s-maxage says 86400 s\n"
        "  = stored for 86400 s (stored)\n");
  CHECK_FALSE(judge(Policy{}, 200, "Cache-Control: s-maxage=60").decision.freshness.stale_override);
}

TEST_CASE("what is not stored, and why") {
  const Policy p;
  const auto code = [&](int status, std::string_view fields, std::string_view asked = "GET /") { return std::string(judge(p, status, fields, asked).code); };
  CHECK(code(200, "Cache-Control: private, max-age=60") == "private");
  CHECK(code(200, "Cache-Control: no-store, max-age=60") == "no-store");
  CHECK(code(200, "Cache-Control: no-cache, max-age=60") == "no-cache");
  CHECK(code(200, "Cache-Control: no-cache=\"x\", max-age=60") == "no-cache");
  CHECK(code(200, "Cache-Control: max-age=60\nSet-Cookie: a=b") == "set-cookie");
  CHECK(code(200, "Cache-Control: max-age=60\nVary: *") == "vary-star");
  CHECK(code(206, "Cache-Control: max-age=60") == "partial");
  CHECK(code(200, "Cache-Control: max-age=60\nX-Sendfile: /x") == "sendfile");
  CHECK(code(200, "") == "no-lifetime");
  CHECK(code(200, "Last-Modified: Tue, 14 Nov 2020 22:13:20 GMT") == "no-lifetime");
  CHECK(code(200, "Cache-Control: max-age=0") == "zero-lifetime");
  CHECK(code(200, "Cache-Control: max-age=60, s-maxage=0") == "zero-lifetime");
  CHECK(code(200, "Expires: 0") == "zero-lifetime");
  CHECK(code(200, "Cache-Control: max-age=60\nAge: 60") == "zero-lifetime");
  CHECK(code(503, "") == "error-status");
  CHECK(code(503, "Expires: Wed, 15 Nov 2023 22:13:20 GMT") == "error-status");
  CHECK(code(200, "Cache-Control: max-age=60", "GET /\nAuthorization: Basic x") == "authorization");
  CHECK(code(200, "Cache-Control: max-age=60") == "stored");
  CHECK(code(404, "Cache-Control: max-age=60") == "stored");
  CHECK(code(401, "Cache-Control: max-age=10, s-maxage=60, proxy-revalidate, public") == "stored");
  CHECK(code(200, "Cache-Control: max-age=0, stale-while-revalidate=30") == "stored");
}

TEST_CASE("uncacheable answers leave a marker, errors do not") {
  CHECK(judge(Policy{}, 200, "Cache-Control: private").decision.marker == 120);
  CHECK(judge(Policy{}, 503, "").decision.marker == 0);
}

TEST_CASE("lifetimes") {
  const Policy p;
  const auto life = [&](std::string_view fields, int status = 200) {
    const Judged j = judge(p, status, fields);
    return j.decision.store ? j.decision.freshness.lifetime - j.decision.freshness.initial_age : -1;
  };
  CHECK(life("Cache-Control: max-age=60") == 60);
  CHECK(life("Cache-Control: max-age=60\nAge: 20") == 40);
  CHECK(life("Cache-Control: max-age=60\nDate: Tue, 14 Nov 2023 22:13:10 GMT") == 50);
  CHECK(life("Cache-Control: max-age=60\nDate: Tue, 14 Nov 2023 23:13:10 GMT") == 60);
  CHECK(life("Date: Tue, 14 Nov 2023 22:13:20 GMT\nExpires: Tue, 14 Nov 2023 22:15:20 GMT") == 120);
  CHECK(life("Cache-Control: max-age=60\nExpires: Tue, 14 Nov 2024 22:15:20 GMT") == 60);
  CHECK(life("Cache-Control: max-age=600", 503) == 10);
  CHECK(life("Cache-Control: s-maxage=5", 500) == 5);
}

TEST_CASE("targeted fields hold before Cache-Control and Expires") {
  const Policy p;
  Judged j = judge(p, 200, "Cache-Control: private, no-store\nCachenode-Cache-Control: max-age=30, stale-if-error=99");
  CHECK(j.decision.store);
  CHECK(j.decision.freshness.lifetime == 30);
  CHECK(j.decision.freshness.stale_if_error == 99);
  CHECK_FALSE(j.decision.freshness.forbids_stale);
  j = judge(p, 200, "Cache-Control: max-age=60\nCDN-Cache-Control: no-store");
  CHECK_FALSE(j.decision.store);
  j = judge(p, 200, "CDN-Cache-Control: max-age=10\nCachenode-Cache-Control: max-age=20\nSurrogate-Control: max-age=30");
  CHECK(j.decision.freshness.lifetime == 20);
}

TEST_CASE("rules: ttl fills in, override_ttl replaces, ignore lifts what is named only") {
  Policy p;
  Rule rule;
  rule.name = "pages";
  rule.match.content_type = "text/html";
  rule.ttl = 30;
  rule.grace = 300;
  p.rules = {rule};
  CHECK(judge(p, 200, "Content-Type: text/html; charset=utf-8").decision.freshness.lifetime == 30);
  CHECK(judge(p, 200, "Content-Type: text/html").decision.freshness.grace == 300);
  CHECK(judge(p, 200, "Content-Type: text/html\nCache-Control: max-age=9").decision.freshness.lifetime == 9);
  CHECK_FALSE(judge(p, 200, "Content-Type: text/html\nCache-Control: private").decision.store);
  CHECK_FALSE(judge(p, 200, "Content-Type: text/css").decision.store);
  p.rules[0].override_ttl = 3600;
  p.rules[0].client_cache_control = "max-age=5";
  Judged j = judge(p, 200, "Content-Type: text/html\nCache-Control: max-age=9\nAge: 8");
  CHECK(j.decision.freshness.lifetime == 3600);
  CHECK(shown_age(j.decision.freshness, base::TimePoint{} + std::chrono::seconds(100)) == 0);
  CHECK(std::string(j.decision.client_cache_control) == "max-age=5");
  CHECK(j.text ==
        "  - max-age says 9 s\n"
        "  - rule pages overrides the lifetime: 3600 s\n"
        "  = stored for 3600 s (stored)\n");
  p.rules[0].ignore = {Directive::set_cookie};
  CHECK(judge(p, 200, "Content-Type: text/html\nSet-Cookie: a=b").decision.store);
  CHECK_FALSE(judge(p, 200, "Content-Type: text/html\nSet-Cookie: a=b\nCache-Control: private").decision.store);
  p.lifetime.ttl = 7;
  CHECK(judge(p, 200, "Content-Type: text/css").decision.freshness.lifetime == 7);
}

TEST_CASE("stale_override must name every directive that forbids") {
  Policy p;
  Rule rule;
  rule.name = "up";
  rule.stale_override = {Directive::s_maxage};
  rule.match.status = {200};
  p.rules = {rule};
  CHECK(judge(p, 200, "Cache-Control: s-maxage=60").decision.freshness.stale_override);
  const Judged j = judge(p, 200, "Cache-Control: s-maxage=60, must-revalidate");
  CHECK_FALSE(j.decision.freshness.stale_override);
  CHECK(std::string(j.decision.freshness.forbids_stale) == "must-revalidate");
  CHECK_FALSE(judge(p, 404, "Cache-Control: s-maxage=60").decision.freshness.stale_override);
  CHECK(judge(p, 200, "Cache-Control: max-age=60").decision.freshness.forbids_stale == nullptr);
}

TEST_CASE("an answer to a request without its credentials is asked again where it refuses or redirects") {
  for (const int status : {401, 403, 302}) {
    const Judged j = judge(Policy{}, status, "Cache-Control: max-age=60", "GET /", true);
    CHECK_FALSE(j.decision.store);
    CHECK(j.decision.ask_again);
  }
  CHECK(judge(Policy{}, 200, "Cache-Control: max-age=60", "GET /", true).decision.store);
}

TEST_CASE("max_object") {
  Policy p;
  p.max_object = 1000;
  CHECK(std::string(judge(p, 200, "Cache-Control: max-age=60", "GET /", false, 1001).code) == "too-large");
  CHECK(judge(p, 200, "Cache-Control: max-age=60", "GET /", false, 1000).decision.store);
}

TEST_CASE("the request of a fetch is one that anybody could have made") {
  const Policy policy = plone_policy();
  const http::RequestHead client = request(
      "HEAD /a?x=1\nHost: WWW.example.org:443\nCookie: _ga=1; I18N_LANGUAGE=de\nAccept-Encoding: br, gzip\nIf-None-Match: \"x\"\nRange: bytes=0-1\n"
      "X-Original-URL: /evil\nX-HTTP-Method-Override: DELETE\nConnection: x-hop\nX-Hop: 1\nAccept-Language: de\nCache-Control: no-cache");
  const std::string cookies = http::joined_cookies(client);
  observe::LastReason why;
  const RequestPlan plan = plan_for(policy, client, cookies, why);
  const http::RequestHead fetch = fetch_request(policy, client, plan, nullptr);
  CHECK(fetch.method() == http::Method::get);
  CHECK(fetch.host() == "www.example.org");
  CHECK(fetch.get("Cookie").value_or("") == "I18N_LANGUAGE=de");
  CHECK(fetch.get("Accept-Encoding").value_or("") == "gzip");
  CHECK(fetch.get("Accept-Language").value_or("") == "de");
  for (const char* gone : {"If-None-Match", "Range", "X-Original-URL", "X-HTTP-Method-Override", "X-Hop", "Connection", "Cache-Control"}) {
    INFO(gone);
    CHECK_FALSE(fetch.find(gone));
  }
}

TEST_CASE("what is kept of an answer") {
  const Policy policy = plone_policy();
  const http::ResponseHead kept = kept_head(policy, answer(200, "Cache-Control: max-age=0, s-maxage=86400, must-revalidate\nX-Request-ID: 1\nServer-Timing: a\n"
                                                                "Age: 3\nContent-Length: 5\nContent-Encoding: gzip\nETag: \"|a;b c\"\nCachenode-Cache-Control: max-age=1"),
                                            nullptr, nullptr, nullptr);
  CHECK(kept.get("Cache-Control").value_or("") == "max-age=0, s-maxage=0, must-revalidate");
  CHECK(kept.get("ETag").value_or("") == "\"|a;b c\"");
  CHECK(kept.get("Vary").value_or("") == "Accept-Encoding");
  for (const char* gone : {"X-Request-ID", "Server-Timing", "Age", "Content-Length", "Cachenode-Cache-Control"}) CHECK_FALSE(kept.find(gone));
}

TEST_CASE("a 304 refreshes what is stored and keeps what it does not mention") {
  const Policy policy = plone_policy();
  const http::ResponseHead first = answer(200, "Cache-Control: s-maxage=60\nETag: \"a\"\nContent-Type: text/html\nX-A: 1\nX-A: 2\nExpires: x");
  const http::ResponseHead kept = kept_head(policy, first, nullptr, nullptr, nullptr);
  const http::ResponseHead before = with_control_fields(kept, control_fields(first));
  CHECK(before.get("Cache-Control").value_or("") == "s-maxage=60");
  http::ResponseHead merged;
  REQUIRE(merge_not_modified(before, answer(304, "ETag: \"a\"\nX-A: 3\nContent-Length: 0\nDate: d"), merged));
  CHECK(merged.status() == 200);
  CHECK(merged.get("Cache-Control").value_or("") == "s-maxage=60");
  CHECK(merged.get("Content-Type").value_or("") == "text/html");
  CHECK(merged.count(http::Token::date) == 1);
  CHECK(merged.get("X-A").value_or("") == "3");
  CHECK_FALSE(merged.find("Content-Length"));
  CHECK(merge_not_modified(before, answer(304, "ETag: W/\"a\""), merged));
  CHECK_FALSE(merge_not_modified(before, answer(304, "ETag: \"b\""), merged));
}
