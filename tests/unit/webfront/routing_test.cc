// SPDX-License-Identifier: BSD-2-Clause
#include "decisions.h"

using namespace webfront;

namespace {

std::vector<Site> example() {
  std::vector<Site> sites(3);
  sites[0].names = {"www.example.org", "example.org"};
  sites[0].on_https = false;
  Route acme;
  acme.path = prefix("/.well-known/acme-challenge/");
  acme.label = acme.path.label();
  acme.files = Files{};
  acme.files->place.root = "/var/www/acme";
  Route secure;
  secure.label = "any path";
  secure.redirect = Redirect{text("https://www.example.org$request_uri"), 0};
  sites[0].routes = {acme, secure};

  sites[1].names = {"www.example.org"};
  sites[1].on_http = false;
  sites[1].refuses_virtual_host = true;
  Route closed;
  closed.path = regex("/(@@)?manage(_[^/]*)?(/|$)");
  closed.label = closed.path.label();
  closed.respond = Respond{403, "", ""};
  closed.unless.client = std::make_shared<FixedClients>("10.");
  Route api = proxy_route("api", prefix("/++api++"));
  api.virtual_host = VirtualHost{"/Plone", "", 0, "", true};
  sites[1].routes = {closed, api, proxy_route("volto")};

  sites[2].names = {"*.example.net", "*.deep.example.net", "*"};
  sites[2].routes = {proxy_route("rest")};
  return sites;
}

}  // namespace

TEST_CASE("sites by host") {
  const std::vector<Site> sites = example();
  const auto why = [&](const char* host, bool https) { return judge(sites, request("GET", host, "/"), https).why; };
  CHECK(why("www.example.org:8443", true).find("= site 2 is named www.example.org (site-exact:www.example.org)") != std::string::npos);
  CHECK(why("example.org", false).find("= site 1 is named example.org") != std::string::npos);
  CHECK(why("example.org", true).find("= site 3 takes every host") != std::string::npos);
  CHECK(why("a.example.net", true).find("= site 3 has the wildcard *.example.net") != std::string::npos);
  CHECK(why("a.deep.example.net.", true).find("= site 3 has the wildcard *.deep.example.net") != std::string::npos);
  CHECK(why("example.net", true).find("= site 3 takes every host") != std::string::npos);
  CHECK(why(nullptr, true).find("= site 3 takes every host") != std::string::npos);
}

TEST_CASE("without a default site") {
  std::vector<Site> sites = example();
  sites.pop_back();
  const Judged unknown = judge(sites, request("GET", "other.example", "/"), true);
  CHECK(unknown.plan.status == 421);
  CHECK(unknown.row == &reasons::site_unknown);
  const Judged old = judge(sites, request("GET", nullptr, "/"), true);
  CHECK(old.why.find("no host was named: site 2 is the first") != std::string::npos);
}

TEST_CASE("a whole explanation: Zope's management screens are closed") {
  const std::vector<Site> sites = example();
  CHECK(judge(sites, request("GET", "www.example.org", "/a/%6Danage_main"), true).why ==
        "  - site 1 (www.example.org) is not for this scheme\n"
        "  = site 2 is named www.example.org (site-exact:www.example.org)\n"
        "  - the client 192.0.2.7 is in none of the networks\n"
        "  = route 1 (regex /(@@)?manage(_[^/]*)?(/|$)) matches (route:regex /(@@)?manage(_[^/]*)?(/|$))\n"
        "  = answered here with status 403 (respond)\n");
  CHECK(judge(sites, request("GET", "www.example.org", "/manage_main"), true, "10.1.2.3").why ==
        "  - site 1 (www.example.org) is not for this scheme\n"
        "  = site 2 is named www.example.org (site-exact:www.example.org)\n"
        "  - the client 10.1.2.3 is in the networks\n"
        "  - route 1 (regex /(@@)?manage(_[^/]*)?(/|$)): its `unless` holds\n"
        "  - route 2 (api) is for another path\n"
        "  = route 3 (volto) matches (route:volto)\n"
        "  = the target is forwarded as it came (target-same)\n"
        "  = sent on to cache (proxy:cache)\n");
}

TEST_CASE("a whole explanation: the virtual-host path of the API") {
  CHECK(judge(example(), request("POST", "www.example.org", "/++api++/@login?x"), true).why ==
        "  - site 1 (www.example.org) is not for this scheme\n"
        "  = site 2 is named www.example.org (site-exact:www.example.org)\n"
        "  - route 1 (regex /(@@)?manage(_[^/]*)?(/|$)) is for another path\n"
        "  = route 2 (api) matches (route:api)\n"
        "  = virtual-host path /VirtualHostBase/https/www.example.org:443/Plone/++api++/VirtualHostRoot/@login?x "
        "(target-vhm:/VirtualHostBase/https/www.example.org:443/Plone/++api++/VirtualHostRoot/@login?x)\n"
        "  = sent on to cache (proxy:cache)\n");
}

TEST_CASE("disguises of a closed path") {
  const std::vector<Site> sites = example();
  for (const char* target : {"/manage", "/manage/", "/manage_main", "/@@manage", "/a/manage_x/b", "/%40%40manage", "/a%2Fmanage_main", "//manage", "/./manage_main",
                             "/x/%2e/manage", "/m%61nage_main?x"}) {
    INFO(target);
    CHECK(judge(sites, request("GET", "www.example.org", target)).plan.status == 403);
  }
  for (const char* target : {"/@@manage-portlets", "/managed", "/x?/manage_main", "/management/x"}) {
    INFO(target);
    CHECK(judge(sites, request("GET", "www.example.org", target)).plan.action == Action::proxy);
  }
}

TEST_CASE("purges never pass") {
  for (const char* method : {"PURGE", "BAN", "purge", "Ban", "pUrGe", "TRACE"}) {
    INFO(method);
    const Judged judged = judge(example(), request(method, "www.example.org", "/"));
    CHECK(judged.plan.status == 405);
    CHECK(judged.row == &reasons::method_refused);
  }
  CHECK(judge(example(), request("PROPFIND", "www.example.org", "/")).plan.action == Action::proxy);
}

TEST_CASE("redirects keep path and query") {
  const auto redirected = [](const char* method, const char* target) { return judge(example(), request(method, "example.org", target), false).plan; };
  CHECK(redirected("GET", "/a%2Fb//c?d=e").location == "https://www.example.org/a%2Fb//c?d=e");
  CHECK(redirected("GET", "/").status == 301);
  CHECK(redirected("HEAD", "/").status == 301);
  CHECK(redirected("POST", "/").status == 308);
  CHECK(redirected("PROPFIND", "/").status == 308);
}

TEST_CASE("prefixes are whole segments") {
  const PathTest with_slash = prefix("/static/"), without = prefix("/static");
  for (const PathTest& test : {with_slash, without}) {
    CHECK(test.matches("/static/x"));
    CHECK(test.matches("/static"));
    CHECK_FALSE(test.matches("/statics"));
    CHECK_FALSE(test.matches("/a/static"));
  }
  CHECK(prefix("/").matches("/x"));
  CHECK(exact("/x").matches("/x"));
  CHECK_FALSE(exact("/x").matches("/x/y"));
}

TEST_CASE("conditions") {
  std::vector<Site> sites(1);
  sites[0].names = {"*"};
  Route editors = proxy_route("editors");
  editors.only_if.cookies = {"__ac", "__ac_*"};
  editors.only_if.headers = {{"X-Kind", "edit*"}};
  editors.only_if.methods = {"GET", "POST"};
  sites[0].routes = {editors, proxy_route("readers")};
  const auto name = [&](const char* method, FieldList fields) { return judge(sites, request(method, "h", "/", fields)).plan.route->name; };
  CHECK(name("GET", {{"Cookie", "a=b; __ac=x"}, {"x-kind", "editor"}}) == "editors");
  CHECK(name("GET", {{"Cookie", "a=b"}, {"Cookie", "__ac_name=x"}, {"X-Kind", "edit"}}) == "editors");
  CHECK(name("GET", {{"Cookie", "x__ac=x"}, {"X-Kind", "edit"}}) == "readers");
  CHECK(name("GET", {{"Cookie", "__ac=x"}, {"X-Kind", "read"}}) == "readers");
  CHECK(name("PUT", {{"Cookie", "__ac=x"}, {"X-Kind", "edit"}}) == "readers");
}

TEST_CASE("rewrites with captures") {
  std::vector<Site> sites(1);
  sites[0].names = {"*"};
  Route route = proxy_route("by hand");
  route.rewrite = Rewrite{std::make_shared<re2::RE2>(R"(^/\+\+api\+\+(/.*)?$)"),
                          text("/VirtualHostBase/https/www.example.org:443/Plone/++api++/VirtualHostRoot$1")};
  sites[0].routes = {route};
  const auto target = [&](const char* raw) { return judge(sites, request("GET", "h", raw)).plan.target; };
  CHECK(target("/++api++/a%2Fb?x=$1") == "/VirtualHostBase/https/www.example.org:443/Plone/++api++/VirtualHostRoot/a%2Fb?x=$1");
  CHECK(target("/++api++") == "/VirtualHostBase/https/www.example.org:443/Plone/++api++/VirtualHostRoot");
  CHECK(target("/other") == "");
  sites[0].routes[0].rewrite = Rewrite{std::make_shared<re2::RE2>("^/old/(.*)"), text("/new?page=$1")};
  CHECK(target("/old/x?y") == "/new?page=x");
}

TEST_CASE("variables in texts") {
  TextTemplate out;
  std::string problem;
  CHECK_FALSE(TextTemplate::compile("$nothing", out, problem));
  CHECK(problem == "unknown variable $nothing");
  const http::RequestHead head = request("GET", "H.example:81", "/a?b", {{"X-Y", "z\r\n"}});
  const RequestView view = view_of(head, false, "192.0.2.7");
  std::string result;
  text("$scheme://$host:$server_port$uri|$args|$request_method|${http_x_y}$$1|$1|$remote_addr").expand(view, {"whole", "one"}, result);
  CHECK(result == "http://h.example:81/a|b|GET|z$1|one|192.0.2.7");
}
