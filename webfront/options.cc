// SPDX-License-Identifier: BSD-2-Clause
#include "webfront/options.h"

#include "base/bytes.h"
#include "http/scan.h"

namespace {

std::string name_problem(const std::string& name) {
  if (name == "*") return {};
  std::string_view rest = name;
  if (rest.starts_with("*.")) rest.remove_prefix(2);
  if (rest.empty() || rest.find_first_of("*/ :") != std::string_view::npos)
    return "\"" + name + "\" is no name of a site: a host, \"*.example.org\" or \"*\", without port";
  return {};
}

std::string token_problem(const std::string& name) {
  for (char c : name)
    if (!http::is_token_byte(c)) return "\"" + name + "\" is no token";
  return {};
}

}  // namespace

namespace config {

using namespace webfront;

template <>
const Table<webfront::ListenOptions>& table_of<webfront::ListenOptions>() {
  using O = webfront::ListenOptions;
  static const Table<O> table("A place where clients connect.", {
    embed<O>(&O::common),
    option("tls", &O::tls, "The name of a `[tls.NAME]`, a certificate, or nothing.").example("{ cert = \"/etc/ssl/a.pem\", key = \"/etc/ssl/a.key\" }"),
    option("protocols", &O::protocols, "Protocols spoken. `[\"h2\"]` on a plain listener is HTTP/2 with prior knowledge.")
        .default_text("`[\"h2\", \"http/1.1\"]` with TLS, `[\"http/1.1\"]` without"),
    option("trusted_proxies", &O::trusted_proxies, "As the process's, for this listener."),
  });
  return table;
}

template <>
const Table<UpstreamTimeouts>& table_of<UpstreamTimeouts>() {
  using O = UpstreamTimeouts;
  using namespace std::chrono_literals;
  static const Table<O> table("Time limits of an upstream.", {
    option("connect", &O::connect, "Connecting.").min(1ms).live(),
    option("first_byte", &O::first_byte, "From the request to the head of the answer.").min(1ms).live(),
    option("between_bytes", &O::between_bytes, "Between two parts of the answer.").min(1ms).live(),
    option("write", &O::write, "Without the upstream taking a byte of the request.").min(1ms).live(),
  }, [](O& section, const Scope& scope) {
    if (scope.has("first_byte") && section.first_byte < section.between_bytes)
      scope.warning("first_byte", "shorter than between_bytes: time-outs grow outwards, and a head takes longest", "the default is \"380s\"");
  });
  return table;
}

template <>
const Table<webfront::UpstreamOptions>& table_of<webfront::UpstreamOptions>() {
  using O = webfront::UpstreamOptions;
  static const Table<O> table("Where requests are sent. Several servers take turns; they are not checked (that is balancer's work).", {
    option("servers", &O::servers, "Addresses.").required().not_empty().example("[\"unix:/run/cachenode/http.sock\"]"),
    option("keepalive", &O::keepalive, "Idle connections kept, in the whole process; while a crowd is served, as many as it needs. 0: none.").live(),
    option("keepalive_timeout", &O::keepalive_timeout, "How long an idle one is kept; less where an answer says so.").live(),
    option("timeout", &O::timeout, "Time limits."),
    option("queue", &O::queue, "Bounds what is sent at once."),
  });
  return table;
}

template <>
const Table<SiteOptions>& table_of<SiteOptions>() {
  using O = SiteOptions;
  static const Table<O> table("A site: the exact name wins, then the longest wildcard, then `*`; among equals the first.", {
    option("names", &O::names, "Hosts, `*.example.org`, or `*` for every other one.").required().not_empty().check(name_problem).example("[\"www.example.org\"]"),
    option("on", &O::on, "Schemes the site is for.").default_text("both"),
    option("headers", &O::headers, "Fields of answers."),
    option("error_pages", &O::error_pages, "Pages for our own errors: status codes and an HTML file.").example("{ \"502,503,504\" = \"/etc/webfront/maintenance.html\" }"),
    option("route", &O::route, "What is done with a request."),
  });
  return table;
}

template <>
const Table<Options>& table_of<Options>() {
  using O = Options;
  static const Table<O> table("webfront: TLS and HTTP/2, sites and routes, files.", {
    embed<O>(&O::process),
    option("trusted_proxies", &O::trusted_proxies, "The only peers whose X-Forwarded-*, Forwarded and X-Request-ID are believed; `unix`: peers on Unix sockets."),
    option("debug_from", &O::debug_from, "Clients that are told what the public is not: `detail` and `key` of Cache-Status.").live(),
    option("via", &O::via, "Our name in Via.").check(token_problem).default_text("`webfront-` and six digits of machine and configuration"),
    option("via_visits", &O::via_visits, "How often a request may have been here before; beyond it 508."),
    option("log", &O::log, "Logs."),
    option("limits", &O::limits, "Limits of clients."),
    option("listen", &O::listen, "Listeners."),
    option("tls", &O::tls, "Certificates by name."),
    option("upstream", &O::upstream, "Upstreams by name."),
    option("site", &O::site, "Sites."),
  }, [](O& options, const Scope& scope) {
    if (options.listen.empty()) scope.problem("", "there is no [[listen]]", "add one: address = \"127.0.0.1:8000\"");
    if (options.site.empty()) scope.problem("", "there is no [[site]]", "add one: names = [\"*\"] and a [[site.route]]");
  });
  return table;
}

}  // namespace config
