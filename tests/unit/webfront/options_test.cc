// SPDX-License-Identifier: BSD-2-Clause
// webfront's configuration: the examples are read as meant, what contradicts itself is said with its place.
#include <catch2/catch.hpp>

#include "config/loader.h"
#include "webfront/compile.h"
#include "webfront/explain.h"
#include "webfront/options.h"

using namespace webfront;

namespace {

struct Read {
  config::Context context;
  Options options;
  std::shared_ptr<const Compiled> compiled;
  explicit Read(const std::string& text) {
    config::load_text(context, "test.toml", text);
    config::read_root(context, options);
    compiled = compile(options, context, "front");
  }
};

constexpr const char* example = R"(
trusted_proxies = ["127.0.0.1"]
[[listen]]
address = "127.0.0.1:0"
[upstream.cache]
servers   = ["unix:/run/cachenode/http.sock"]
keepalive = 64
timeout   = { connect = "1s", first_byte = "380s", between_bytes = "60s" }
queue     = { max_active = 256, max_waiting = 512, timeout = "30s" }
[[site]]
names    = ["www.example.org", "example.org"]
on       = ["http"]
[[site.route]]
prefix   = "/.well-known/acme-challenge/"
files    = { root = "/var/www/acme" }
[[site.route]]
redirect = { to = "https://www.example.org$request_uri" }
[[site]]
names    = ["www.example.org"]
on       = ["https"]
headers  = { set = { "X-Content-Type-Options" = "nosniff" }, remove = ["X-Powered-By", "Server"] }
[[site.route]]
regex   = '/(@@)?manage(_[^/]*)?(/|$)'
respond = { status = 403 }
unless  = { client = ["10.0.0.0/8"] }
[[site.route]]
prefix  = "/static/"
files   = { root = "/srv/www", precompressed = ["br", "gzip"], cache_control = "public, max-age=31536000, immutable" }
[[site.route]]
name    = "login"
path    = "/++api++/@login"
queue   = { max_active = 8, max_waiting = 50, timeout = "20s", class = "interactive" }
vhm     = { site = "/Plone", api = true }
proxy   = "cache"
[[site.route]]
name    = "api"
prefix  = "/++api++"
vhm     = { site = "/Plone", api = true }
proxy   = "cache"
[[site.route]]
name    = "volto"
proxy   = "127.0.0.1:18000"
)";

}  // namespace

TEST_CASE("the example is read as meant") {
  Read read(example);
  INFO(read.context.render_all());
  REQUIRE_FALSE(read.context.failed());
  const Compiled& compiled = *read.compiled;
  REQUIRE(compiled.sites.size() == 2);
  CHECK(compiled.sites[0].on_http);
  CHECK_FALSE(compiled.sites[0].on_https);
  CHECK_FALSE(compiled.sites[0].refuses_virtual_host);
  CHECK(compiled.sites[1].refuses_virtual_host);
  REQUIRE(compiled.upstreams.size() == 2);
  CHECK(compiled.upstreams[0].servers[0]->options.first_byte == std::chrono::seconds(380));
  CHECK(compiled.upstreams[0].queue.given());
  CHECK(compiled.upstreams[1].name == "127.0.0.1:18000");
  CHECK_FALSE(compiled.upstreams[1].queue.given());
  CHECK(compiled.route_queues.size() == 1);
  CHECK(compiled.sites[1].routes[2].queue.priority < 0);
}

TEST_CASE("explain prints the whole way of a request") {
  Read read(example);
  ExplainRequest request;
  std::string problem;
  const std::vector<std::string> words = {"-X", "POST", "--client", "10.1.1.1", "https://www.example.org/++api++/@login?a=b"};
  REQUIRE(parse_explain(words, request, problem));
  CHECK(explain(read.compiled->sites, request) ==
        "POST https://www.example.org/++api++/@login?a=b\n"
        "  - site 1 (www.example.org) is not for this scheme\n"
        "  = site 2 is named www.example.org (site-exact:www.example.org)\n"
        "  - route 1 (regex /(@@)?manage(_[^/]*)?(/|$)) is for another path\n"
        "  - route 2 (prefix /static) is for another path\n"
        "  = route 3 (login) matches (route:login)\n"
        "  = virtual-host path /VirtualHostBase/https/www.example.org:443/Plone/++api++/VirtualHostRoot/@login?a=b "
        "(target-vhm:/VirtualHostBase/https/www.example.org:443/Plone/++api++/VirtualHostRoot/@login?a=b)\n"
        "  = sent on to cache (proxy:cache)\n"
        "send to cache: POST /VirtualHostBase/https/www.example.org:443/Plone/++api++/VirtualHostRoot/@login?a=b\n");
  request = {};
  request.url = "http://example.org/a%2f..%2fb";
  CHECK(explain(read.compiled->sites, request).ends_with("answer 400\n"));
  request.url = "http://example.org/.well-known/acme-challenge/token";
  CHECK(explain(read.compiled->sites, request).ends_with("file /var/www/acme/.well-known/acme-challenge/token\n"));
  CHECK_FALSE(parse_explain(std::vector<std::string>{"-X"}, request, problem));
}

TEST_CASE("what contradicts itself") {
  struct Row {
    const char* route;
    const char* message;
  };
  const Row rows[] = {
      {"name = \"x\"", "the route does nothing"},
      {"proxy = \"127.0.0.1:1\"\nrespond = { status = 204 }", "the route does more than one thing"},
      {"proxy = \"cahce\"", "there is no [upstream.cahce]"},
      {"proxy = \"127.0.0.1:1\"\nregex = '('", "the pattern is refused"},
      {"proxy = \"127.0.0.1:1\"\npath = \"/a\"\nprefix = \"/b\"", "only one of path, prefix and regex"},
      {"proxy = \"127.0.0.1:1\"\nprefix = \"b\"", "a path begins with"},
      {"respond = { status = 204 }\nvhm = { site = \"/Plone\" }", "without proxy nothing is rewritten"},
      {"proxy = \"127.0.0.1:1\"\nvhm = { site = \"/Plone\" }\nrewrite = { regex = 'a', to = 'b' }", "vhm and rewrite"},
      {"proxy = \"127.0.0.1:1\"\nvhm = { host = \"a/b\" }", "is no host name"},
      {"redirect = { to = \"$nothing\" }", "unknown variable $nothing"},
      {"redirect = { to = \"/\", status = 200 }", "200 is no redirect"},
      {"files = { }", "files needs root or alias"},
      {"files = { alias = \"/srv\" }", "alias replaces a prefix"},
      {"proxy = \"127.0.0.1:1\"\nlimit = { rate = \"5r/m\" }", "\"limit\""},
      {"proxy = \"127.0.0.1:1\"\nheaders = { set = { \"a b\" = \"c\" } }", "is no name of a field"},
  };
  for (const Row& row : rows) {
    INFO(row.route);
    Read read(std::string("[[listen]]\naddress = \"127.0.0.1:0\"\n[upstream.cache]\nservers = \"127.0.0.1:1\"\n[[site]]\nnames = [\"*\"]\n[[site.route]]\n") + row.route + "\n");
    INFO(read.context.render_all());
    CHECK(read.context.failed());
    CHECK(read.context.render_all().find(row.message) != std::string::npos);
  }
}

TEST_CASE("a rewrite by hand to virtual-host paths is warned about") {
  Read read("[[listen]]\naddress = \"127.0.0.1:0\"\n[[site]]\nnames = [\"*\"]\n[[site.route]]\nproxy = \"127.0.0.1:1\"\n"
            "rewrite = { regex = '^(.*)$', to = '/VirtualHostBase/http/h:80/Plone/VirtualHostRoot$1' }\n");
  CHECK_FALSE(read.context.failed());
  CHECK(read.context.render_all().find("does not refuse those of clients") != std::string::npos);
}

TEST_CASE("time-outs that do not grow outwards are warned about") {
  const auto told = [](const char* first_byte) {
    Read read("[[listen]]\naddress = \"127.0.0.1:0\"\n[upstream.a]\nservers = [\"127.0.0.1:1\"]\ntimeout = { first_byte = \"" + std::string(first_byte) +
              "\" }\n[[site]]\nnames = [\"*\"]\n[[site.route]]\nproxy = \"a\"\n");
    CHECK_FALSE(read.context.failed());
    return read.context.render_all();
  };
  CHECK(told("10s").find("time-outs grow outwards") != std::string::npos);
  CHECK(told("61s").empty());
}
