// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include "cachenode/answer_head.h"
#include "cachenode/cache_status.h"
#include "cachenode/purge_allowed.h"
#include "cachenode/use_stored.h"
#include "tests/unit/cachenode/decision_helpers.h"

using namespace cachenode;

namespace {

// The plan in words; serving and explaining must agree.
std::string explain(const Policy& policy, std::string_view text) {
  const http::RequestHead head = request(text);
  const std::string cookies = http::joined_cookies(head);
  observe::FullWhy full;
  observe::LastReason last;
  const RequestPlan a = plan_for(policy, head, cookies, full);
  const RequestPlan b = plan_for(policy, head, cookies, last);
  CHECK(a.act == b.act);
  CHECK(a.reason.code() == b.reason.code());
  CHECK(a.key.key == b.key.key);
  CHECK(a.rule == b.rule);
  CHECK(full.last() == last.last().row);
  return full.text();
}
RequestPlan decide(const Policy& policy, std::string_view text) {
  static std::vector<http::RequestHead> heads;  // reasons view them
  static std::vector<std::string> cookies;
  heads.reserve(1000);
  cookies.reserve(1000);
  heads.push_back(request(text));
  cookies.push_back(http::joined_cookies(heads.back()));
  observe::LastReason last;
  return plan_for(policy, heads.back(), cookies.back(), last);
}
std::string reason(const Policy& policy, std::string_view text) {
  const RequestPlan plan = decide(policy, text);
  return plan.reason.code();
}

}  // namespace

TEST_CASE("a whole explanation: an anonymous visitor of Plone") {
  CHECK(explain(plone_policy(), "GET /VirtualHostBase/https/www.example.org:443/Plone/VirtualHostRoot/news?b=1\nCookie: _ga=1; I18N_LANGUAGE=\"de\"; other=x") ==
        "  - rule 1 static resources does not match\n"
        "  - rule 2 editing does not match\n"
        "  - cookie _ga is ignored\n"
        "  - cookie I18N_LANGUAGE is kept: part of the key, sent to the origin\n"
        "  - cookie other is dropped\n"
        "  = nothing on the request names a user (anonymous)\n"
        "  - scheme https\n"
        "  - class of Accept: page\n"
        "  = the request is looked up (look-up)\n");
}

TEST_CASE("a whole explanation: somebody who is logged in") {
  CHECK(explain(plone_policy(), "GET /news\nCookie: __ac=abc") ==
        "  - rule 1 static resources does not match\n"
        "  - rule 2 editing does not match\n"
        "  = cookie __ac means a log-in (authenticated:cookie:__ac)\n"
        "  - scheme https\n"
        "  - class of Accept: page\n"
        "  = cookie __ac means a log-in (authenticated:cookie:__ac)\n");
}

TEST_CASE("a whole explanation: shared resources, exception, editing") {
  CHECK(explain(plone_policy(), "GET /++plone++static/a.css\nCookie: __ac=abc") ==
        "  - rule 1 static resources matches\n"
        "  - rule 2 editing does not match\n"
        "  = the rule shares its objects: credentials are removed (shared)\n"
        "  - scheme https\n"
        "  - class of Accept: page\n"
        "  = the request is looked up (look-up)\n");
  CHECK(explain(plone_policy(), "GET /++resource++zmi/x.js") ==
        "  - rule 1 static resources: its exception matches\n"
        "  - rule 2 editing does not match\n"
        "  = nothing on the request names a user (anonymous)\n"
        "  - scheme https\n"
        "  - class of Accept: page\n"
        "  = the request is looked up (look-up)\n");
  CHECK(reason(plone_policy(), "GET /VirtualHostBase/https/h:443/Plone/VirtualHostRoot/a/@@edit") == "rule:editing");
  CHECK(reason(plone_policy(), "GET /login") == "rule:editing");
  CHECK(reason(plone_policy(), "GET /++api++/@login") == "rule:editing");
  CHECK(reason(plone_policy(), "GET /logins") == "look-up");
  CHECK(reason(plone_policy(), "GET /%6cogin") == "rule:editing");
}

TEST_CASE("who is logged in") {
  const Policy plone = plone_policy();
  for (const char* cookie : {"__ac=x", "__ac_name=x", "auth_token=x", "statusmessages=x", "a=b; __ac=x", "I18N_LANGUAGE=\"de\", __ac=abc", "x=\"1\"__ac=abc",
                             "foo,__ac=abc", "foo=1 __ac=2"}) {
    INFO(cookie);
    const RequestPlan plan = decide(plone, std::string("GET /\nCookie: ") + cookie);
    CHECK(plan.act == Act::pass);
    CHECK_FALSE(plan.identity.anonymous);
    CHECK(std::string(plan.forward) == "bypass");
  }
  for (const char* cookie : {"x__ac=1", "my_auth_token=1", "a=__ac", "ac=1"}) {
    INFO(cookie);
    CHECK(decide(plone, std::string("GET /\nCookie: ") + cookie).act == Act::look_up);
  }
  for (const char* field : {"Authorization: Bearer x", "Client-Cert: x", "Client-Cert-Chain: x", "Remote-User: x", "X-Remote-User: x", "X-Forwarded-User: x"}) {
    INFO(field);
    CHECK(decide(plone, std::string("GET /\n") + field).act == Act::pass);
  }
  // Crumbs and several lines are one field.
  CHECK(decide(plone, "GET /\nCookie: a=b\nCookie: __ac=1").act == Act::pass);
  CHECK(reason(plone, "GET /\nCookie: justtext") == "cookie-form");
  CHECK(reason(plone, "GET /\nCookie: I18N_LANGUAGE=a b") == "cookie-bytes:I18N_LANGUAGE");
}

TEST_CASE("by default any cookie that is no known tracker's means a log-in") {
  Policy policy;
  CHECK(reason(policy, "GET /\nCookie: session=1") == "authenticated:unknown-cookie:session");
  CHECK(reason(policy, "GET /\nCookie: _ga=1; _ga_X=2; _gid=3; _pk_id.1=4; __utmz=5; _fbp=6; _gcl_au=7; _gat_x=8") == "look-up");
  CHECK(reason(policy, "GET /") == "look-up");
  CHECK(reason(policy, "GET /\nCookie: _ga=1; x=2") == "authenticated:unknown-cookie:x");
}

TEST_CASE("what is not looked up") {
  const Policy policy = plone_policy();
  CHECK(std::string(decide(policy, "POST /a").forward) == "method");
  CHECK(reason(policy, "DELETE /a") == "method:DELETE");
  CHECK(decide(policy, "HEAD /a").act == Act::look_up);
  CHECK(decide(policy, "PURGE /a").act == Act::purge);
  CHECK(decide(policy, "GET /a\nVia: 1.1 cachenode-test").act == Act::refuse);
  CHECK(decide(policy, "GET /a\nVia: 1.1 cachenode-test2").act == Act::look_up);
  const http::RequestHead head = request("GET /a");
  observe::LastReason why;
  RequestView view{head, {}, "http", {}};
  view.has_body = true;
  CHECK(request_plan(policy, view, why).act == Act::pass);
  view.has_body = false;
  view.upgrade = true;
  CHECK(request_plan(policy, view, why).reason.is(reasons::plan_upgrade));
}

TEST_CASE("the key") {
  Policy policy = plone_policy();
  const auto key = [&](std::string_view text) { return decide(policy, text).key.key; };
  CHECK(key("GET /a?x=1") == "https\nwww.example.org\npage\n/a?x=1");
  CHECK(key("HEAD /a?x=1") == key("GET /a?x=1"));
  CHECK(key("GET /a?x=1\nHost: WWW.example.org.:443") == key("GET /a?x=1"));
  CHECK(key("GET /a\nHost: www.example.org:8443") != key("GET /a"));
  CHECK(key("GET /%61") == key("GET /a"));
  CHECK(key("GET /a%2fb") == key("GET /a%2Fb"));
  CHECK(key("GET /a%2fb") != key("GET /a/b"));
  CHECK(key("GET /a?") != key("GET /a"));
  CHECK(key("GET /a\nAccept: application/json") == "https\nwww.example.org\napi\n/a");
  CHECK(key("GET /a\nAccept: text/html, application/json") == key("GET /a"));
  CHECK(key("GET /a\nAccept: */*") == key("GET /a"));
  CHECK(key("GET /a\nCookie: I18N_LANGUAGE=de; x=1") == "https\nwww.example.org\npage\n/a\ncookie I18N_LANGUAGE=de");
  CHECK(key("GET /a?b=2&a=1") != key("GET /a?a=1&b=2"));
  policy.key.sort_query = true;
  CHECK(key("GET /a?b=2&a=1") == key("GET /a?a=1&b=2"));
  policy.key.remove_query = {"utm_*", "fbclid"};
  CHECK(key("GET /a?utm_x=1&b=2&fbclid=3") == key("GET /a?b=2"));
  CHECK(decide(policy, "GET /a?utm_x=1&b=2").key.fetch_target == "/a?b=2");
  CHECK(key("GET /a?utm_x=1") == key("GET /a"));
  CHECK(decide(policy, "GET /a?utm_x=1").key.fetch_target == "/a");
  CHECK(decide(policy, "GET /a?b=2").key.fetch_target.empty());
  const http::RequestHead head = request("GET /a");
  observe::LastReason why;
  CHECK(cache_key(policy.key, {head, "https", "WWW.example.org:443", {}}, true, why).key == "https\nwww.example.org\npage\n/a");
  CHECK(cache_key(policy.key, {head, "https", "evil.example", {}}, true, why).key == "https\nwww.example.org\npage\n/a\nforwarded evil.example");
}

TEST_CASE("purge identities: whatever form Plone, Volto and the front use, one name") {
  struct Row { const char* path; const char* host; const char* identity; };
  const Row rows[] = {
      {"/news", "", "/news"},
      {"/news/", "", "/news"},
      {"//news///", "", "/news"},
      {"/", "", "/"},
      {"//", "", "/"},
      {"//view", "", "/view"},
      {"/n%65ws", "", "/news"},
      {"/a%2fb", "", "/a%2Fb"},
      {"/++api++/news", "", "/news"},
      {"/++api++", "", "/"},
      {"/++api++/news/@actions", "", "/news/@actions"},
      {"/news/++api++/x", "", "/news/++api++/x"},
      {"/VirtualHostBase/https/www.example.org:443/Plone/VirtualHostRoot/news", "www.example.org", "/news"},
      {"/VirtualHostBase/https/www.example.org/Plone/VirtualHostRoot/news/", "www.example.org", "/news"},
      {"/VirtualHostBase/http/www.example.org:80/Plone/VirtualHostRoot/news", "www.example.org", "/news"},
      {"/VirtualHostBase/https/WWW.Example.org:8443/Plone/VirtualHostRoot/news", "www.example.org:8443", "/news"},
      {"/VirtualHostBase/https/www.example.org:443/Plone/VirtualHostRoot", "www.example.org", "/"},
      {"/VirtualHostBase/https/www.example.org:443/Plone/VirtualHostRoot/", "www.example.org", "/"},
      {"/VirtualHostBase/https/www.example.org:443/Plone/++api++/VirtualHostRoot/news", "www.example.org", "/news"},
      {"/VirtualHostBase/https/www.example.org:443/Plone/VirtualHostRoot/++api++/news", "www.example.org", "/news"},
      {"/VirtualHostBase/https/www.example.org:443/Plone/VirtualHostRoot/_vh_sub/news", "www.example.org", "/sub/news"},
      {"/VirtualHostBase/https/www.example.org:443/Plone/VirtualHostRoot/_vh_a/_vh_b/news", "www.example.org", "/a/b/news"},
      {"/VirtualHostBase/https/www.example.org:443/Plone/VirtualHostRoot/news/_vh_x", "www.example.org", "/news/_vh_x"},
      {"/VirtualHostB%61se/https/www.example.org/Plone/VirtualHostR%6fot/news", "www.example.org", "/news"},
      {"/VirtualHostBase/https/a.org/P/VirtualHostRoot/x/VirtualHostRoot/news", "a.org", "/news"},
      {"/VirtualHostRoot/news", "", "/news"},
  };
  for (const Row& row : rows) {
    INFO(row.path);
    const PurgeIdentity identity = purge_identity(row.path, {}, true);
    CHECK(identity.path == row.identity);
    CHECK(identity.host == row.host);
  }
  // An object's own host holds where there is no virtual-host form.
  CHECK(purge_identity("/news", "www.example.org", true).host == "www.example.org");
  CHECK(purge_identity("/VirtualHostBase/https/a.org/P/VirtualHostRoot/n", "www.example.org", true).host == "a.org");
  CHECK(purge_identity("/++api++/VirtualHostRoot/n", "h", false).path == "/++api++/VirtualHostRoot/n");
}

TEST_CASE("rules see the path that visitors see") {
  CHECK(public_path("/VirtualHostBase/https/h:443/Plone/VirtualHostRoot/_vh_sub/++plone++x").path == "/sub/++plone++x");
  CHECK(public_path("/VirtualHostBase/https/h:443/Plone/VirtualHostRoot").path == "/");
  CHECK(public_path("/a/b").path == "/a/b");
}

TEST_CASE("who may purge") {
  PurgePolicy policy;
  const auto code = [&](std::string_view text, bool listed) {
    observe::LastReason last;
    observe::FullWhy full;
    const http::RequestHead head = request(text);
    const bool a = purge_allowed(policy, head, listed, last), b = purge_allowed(policy, head, listed, full);
    CHECK(a == b);
    return std::string(last.last().row->name);
  };
  CHECK(code("PURGE /a", true) == "purge-allowed");
  CHECK(code("PURGE /a\nCookie: __ac=1\nAuthorization: Basic x", true) == "purge-allowed");
  CHECK(code("PURGE /a", false) == "purge-peer");
  CHECK(code("BAN /a", true) == "purge-method");
  for (const char* field : {"Via: 1.1 nginx", "X-Forwarded-For: 1.2.3.4", "X-Real-IP: 1.2.3.4", "Forwarded: for=1.2.3.4"}) CHECK(code(std::string("PURGE /a\n") + field, true) == "purge-proxied");
}

TEST_CASE("Vary selects by normalised fields") {
  const auto values = [](std::string_view names, std::string_view text) {
    std::string out;
    selecting_values(names, request(text), out);
    return out;
  };
  CHECK(vary_names(answer(200, "Vary: Accept-Language, accept\nVary: Cookie, Accept")) == "accept,accept-language");
  CHECK(vary_names(answer(200, "Content-Encoding: gzip")) == "accept-encoding");
  CHECK(vary_names(answer(200, "Vary: *")) == "*");
  CHECK(vary_names(answer(200)) == "");
  CHECK(values("accept-encoding", "GET /\nAccept-Encoding: br, gzip;q=0.5") == values("accept-encoding", "GET /\nAccept-Encoding: gzip"));
  CHECK(values("accept-encoding", "GET /\nAccept-Encoding: gzip;q=0") == values("accept-encoding", "GET /"));
  CHECK(values("accept-encoding", "GET /\nAccept-Encoding: gzip") != values("accept-encoding", "GET /"));
  CHECK(values("accept", "GET /\nAccept: a\nAccept: b") == values("accept", "GET /\nAccept: a, b"));
  CHECK(values("x-anonymous", "GET /\nX-Anonymous: True") != values("x-anonymous", "GET /"));
  CHECK(values("x-a", "GET /\nX-A:") != values("x-a", "GET /"));
  CHECK(values("x-a,x-b", "GET /\nX-A: 1") != values("x-a,x-b", "GET /\nX-B: 1"));
}

TEST_CASE("use of what is stored") {
  const auto use = [](const Freshness& f, Seconds at, bool fails) {
    observe::LastReason last;
    observe::FullWhy full;
    const UseView view{f, base::TimePoint{} + std::chrono::seconds(at), fails};
    const Use a = use_stored(view, last), b = use_stored(view, full);
    CHECK(a == b);
    return std::string(last.last().row->name);
  };
  Freshness f;
  f.lifetime = 100;
  f.grace = 10;
  f.stale_if_error = 50;
  CHECK(use(f, 99, false) == "fresh");
  CHECK(use(f, 100, false) == "grace");
  CHECK(use(f, 110, false) == "grace");
  CHECK(use(f, 111, false) == "stale");
  CHECK(use(f, 111, true) == "stale-if-error");
  CHECK(use(f, 150, true) == "stale-if-error");
  CHECK(use(f, 151, true) == "stale");
  f.initial_age = 20;
  CHECK(use(f, 80, false) == "grace");
  f.initial_age = 0;
  f.forbids_stale = "s-maxage";
  CHECK(use(f, 100, false) == "stale");
  CHECK(use(f, 100, true) == "stale");
  f.stale_override = true;
  CHECK(use(f, 100, false) == "stale");
  CHECK(use(f, 100, true) == "stale-override");
  CHECK(use(f, 151, true) == "stale");
  f.kept_until = base::TimePoint{} + std::chrono::seconds(5);
  CHECK(use(f, 4, false) == "fresh");
  CHECK(use(f, 5, true) == "kept-until");
  observe::FullWhy why;
  f.kept_until = base::TimePoint::max();
  use_stored(UseView{f, base::TimePoint{} + std::chrono::seconds(412), true}, why);
  CHECK(why.text() ==
        "  - stale for 312 s and s-maxage forbids to use it\n"
        "  - stale for 312 s, more than the 50 s allowed\n"
        "  = stale for 312 s (stale)\n");
}

TEST_CASE("Cache-Status as it is sent") {
  const auto text = [](const CacheStatus& status, std::string_view name = "cachenode") {
    base::RecycledString out;
    render_cache_status(status, name, out);
    return std::string(out);
  };
  CHECK(text({.hit = true, .ttl = 376}) == "cachenode; hit; ttl=376");
  CHECK(text({.hit = true, .ttl = -12, .detail = {&reasons::use_grace}}) == "cachenode; hit; ttl=-12; detail=grace");
  CHECK(text({.forward = "uri-miss", .stored = true}) == "cachenode; fwd=uri-miss; stored");
  CHECK(text({.forward = "vary-miss", .collapsed = true}) == "cachenode; fwd=vary-miss; collapsed");
  CHECK(text({.forward = "stale", .forward_status = 304, .stored = true}) == "cachenode; fwd=stale; fwd-status=304; stored");
  CHECK(text({.forward = "bypass", .detail = {&reasons::id_cookie, 0, 0, "__ac"}}) == "cachenode; fwd=bypass; detail=authenticated:cookie:__ac");
  CHECK(text({.forward = "bypass", .detail = {&reasons::plan_rule_pass, 0, 0, "my \"rule\""}}) == "cachenode; fwd=bypass; detail=\"rule:my \\\"rule\\\"\"");
  CHECK(text({.hit = true, .ttl = 1}, "my cache") == "\"my cache\"; hit; ttl=1");
}
