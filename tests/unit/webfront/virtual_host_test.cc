// SPDX-License-Identifier: BSD-2-Clause
#include "decisions.h"

using namespace webfront;

namespace {

std::string target_of(const VirtualHost& rule, const char* host, const char* target, bool https = true) {
  const http::RequestHead head = request("GET", host, target);
  const RequestView view = view_of(head, https, "192.0.2.7");
  std::string out;
  observe::FullWhy why;
  if (!virtual_host_target(rule, view, out, why)) return std::string("refused: ") + why.last()->name;
  return out;
}

}  // namespace

TEST_CASE("the classic form keeps the client's bytes") {
  const VirtualHost rule{"/Plone", "", 0, "", false};
  struct Row {
    const char* host;
    const char* target;
    bool https;
    const char* expected;
  };
  const Row rows[] = {
      {"www.example.org", "/x?q", true, "/VirtualHostBase/https/www.example.org:443/Plone/VirtualHostRoot/x?q"},
      {"www.example.org", "/", true, "/VirtualHostBase/https/www.example.org:443/Plone/VirtualHostRoot/"},
      {"www.example.org", "/x", false, "/VirtualHostBase/http/www.example.org:80/Plone/VirtualHostRoot/x"},
      {"www.example.org:8443", "/x", true, "/VirtualHostBase/https/www.example.org:8443/Plone/VirtualHostRoot/x"},
      {"WWW.Example.ORG.", "/x", true, "/VirtualHostBase/https/www.example.org:443/Plone/VirtualHostRoot/x"},
      {"[2001:db8::1]:8443", "/x", true, "/VirtualHostBase/https/[2001:db8::1]:8443/Plone/VirtualHostRoot/x"},
      {"h", "/a%2Fb/%7Ec/@@view/++x++;p//q/?a=%20&b=/../", true,
       "/VirtualHostBase/https/h:443/Plone/VirtualHostRoot/a%2Fb/%7Ec/@@view/++x++;p//q/?a=%20&b=/../"},
      {"h", "/x?", true, "/VirtualHostBase/https/h:443/Plone/VirtualHostRoot/x?"},
      {"h", "/%e4%f6?%ff", true, "/VirtualHostBase/https/h:443/Plone/VirtualHostRoot/%e4%f6?%ff"},
      {"h%2fevil", "/x", true, "refused: virtual-host-name"},
      {"a,b", "/x", true, "refused: virtual-host-name"},
      {"", "/x", true, "refused: virtual-host-name"},
  };
  for (const Row& row : rows) {
    INFO(row.host << ' ' << row.target);
    CHECK(target_of(rule, row.host, row.target, row.https) == row.expected);
  }
}

TEST_CASE("fixed host and port") {
  CHECK(target_of({"/Plone", "www.example.org", 0, "", false}, "alias:8443", "/x") ==
        "/VirtualHostBase/https/www.example.org:443/Plone/VirtualHostRoot/x");
  CHECK(target_of({"/Plone", "www.example.org", 8443, "", false}, "alias", "/x") ==
        "/VirtualHostBase/https/www.example.org:8443/Plone/VirtualHostRoot/x");
  CHECK(target_of({"/Plone", "", 443, "", false}, "alias:80", "/x") == "/VirtualHostBase/https/alias:443/Plone/VirtualHostRoot/x");
  CHECK(target_of({"", "", 0, "", false}, "h", "/x") == "/VirtualHostBase/https/h:443/VirtualHostRoot/x");
  CHECK(target_of({"/a/b", "", 0, "", false}, "h", "/x") == "/VirtualHostBase/https/h:443/a/b/VirtualHostRoot/x");
}

TEST_CASE("the subfolder form") {
  const VirtualHost one{"/Plone", "", 0, "/sub", false};
  CHECK(target_of(one, "h", "/sub/x?q") == "/VirtualHostBase/https/h:443/Plone/VirtualHostRoot/_vh_sub/x?q");
  CHECK(target_of(one, "h", "/sub") == "/VirtualHostBase/https/h:443/Plone/VirtualHostRoot/_vh_sub");
  CHECK(target_of(one, "h", "/sub/") == "/VirtualHostBase/https/h:443/Plone/VirtualHostRoot/_vh_sub/");
  CHECK(target_of(one, "h", "//./%73ub//x") == "/VirtualHostBase/https/h:443/Plone/VirtualHostRoot/_vh_sub//x");
  CHECK(target_of(one, "h", "/sub%2Fx") == "refused: prefix-in-segment");
  const VirtualHost nested{"/Plone", "", 0, "/a/b", false};
  CHECK(target_of(nested, "h", "/a/b/c") == "/VirtualHostBase/https/h:443/Plone/VirtualHostRoot/_vh_a/_vh_b/c");
  CHECK(target_of(nested, "h", "/a%2Fb/c") == "/VirtualHostBase/https/h:443/Plone/VirtualHostRoot/_vh_a/_vh_b/c");
  CHECK(target_of(nested, "h", "/a%2Fb%2Fc") == "refused: prefix-in-segment");
}

TEST_CASE("Volto's form") {
  const VirtualHost rule{"/Plone", "", 0, "", true};
  const std::string base = "/VirtualHostBase/https/h:443/Plone/++api++/VirtualHostRoot";
  CHECK(target_of(rule, "h", "/++api++") == base);
  CHECK(target_of(rule, "h", "/++api++/") == base + "/");
  CHECK(target_of(rule, "h", "/++api++/a?b=c") == base + "/a?b=c");
  CHECK(target_of(rule, "h", "/%2B%2Bapi++/a") == base + "/a");

  Site site;
  site.names = {"*"};
  site.routes.push_back(proxy_route("api", prefix("/++api++")));
  site.routes[0].virtual_host = rule;
  site.routes.push_back(proxy_route("volto"));
  const auto name = [&](const char* target) { return judge({site}, request("GET", "h", target)).why; };
  CHECK(name("/++api++x").find("route 2 (volto) matches") != std::string::npos);
  CHECK(name("/++api++/x").find("route 1 (api) matches") != std::string::npos);
}

TEST_CASE("virtual-host segments of clients are found in every disguise") {
  Site site;
  site.names = {"*"};
  site.refuses_virtual_host = true;
  site.routes.push_back(proxy_route("all"));
  const char* refused[] = {"/VirtualHostBase/http/evil:80/x", "/a/VirtualHostRoot/b", "/_vh_x", "/a/_vh_/b", "/%56irtualHostBase/x", "/a%2FVirtualHostRoot",
                           "/a//./VirtualHostRoot/", "/%5fvh_x/y", "/a%2f_vh%5fx%2fb"};
  for (const char* target : refused) {
    INFO(target);
    const Judged judged = judge({site}, request("GET", "h", target));
    CHECK(judged.plan.action == Action::refuse);
    CHECK(judged.plan.status == 400);
    CHECK(judged.row == &reasons::virtual_host_segment);
  }
  const char* fine[] = {"/VirtualHostBased", "/xVirtualHostRoot", "/a_vh_x", "/x?VirtualHostBase/", "/virtualhostroot", "/%2556irtualHostBase"};
  for (const char* target : fine) {
    INFO(target);
    CHECK(judge({site}, request("GET", "h", target)).plan.action == Action::proxy);
  }
  site.refuses_virtual_host = false;
  CHECK(judge({site}, request("GET", "h", "/_vh_x")).plan.action == Action::proxy);
}
