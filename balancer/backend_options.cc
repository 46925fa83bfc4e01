// SPDX-License-Identifier: BSD-2-Clause
#include "balancer/options.h"
#include "base/bytes.h"

namespace {

using namespace balancer;
using config::option;

constexpr auto shortest = std::chrono::milliseconds(1);

bool is_token(const std::string& s) {
  for (char c : s)
    if (!base::is_alpha(c) && !base::is_digit(c) && std::string_view("!#$%&'*+-.^_`|~").find(c) == std::string_view::npos) return false;
  return !s.empty();
}

// "200", "2xx", "200-299".
std::string status_problem(const std::string& text) {
  const auto digit = [&](std::size_t i) { return base::is_digit(text[i]); };
  if (text.size() == 3 && text[0] >= '1' && text[0] <= '5' && ((digit(1) && digit(2)) || text.substr(1) == "xx")) return {};
  if (text.size() == 7 && text[3] == '-' && digit(0) && digit(1) && digit(2) && digit(4) && digit(5) && digit(6)) return {};
  return "\"" + text + "\" is no status: 200, 2xx or 200-299";
}

void finish_cookie(CookieOptions& cookie, const config::Scope& scope) {
  if (!cookie.name.empty() && !is_token(cookie.name)) scope.problem("name", "\"" + cookie.name + "\" cannot be the name of a cookie");
  if (cookie.path.find_first_of(";\r\n") != std::string::npos) scope.problem("path", "a cookie's path has no ';'");
  if (cookie.domain.find_first_of(";\r\n") != std::string::npos) scope.problem("domain", "a cookie's domain has no ';'");
  if (!cookie.samesite.empty() && cookie.samesite != "Lax" && cookie.samesite != "Strict" && cookie.samesite != "None")
    scope.problem("samesite", "\"" + cookie.samesite + "\" is not Lax, Strict or None");
  if (cookie.samesite == "None" && !cookie.secure) scope.problem("samesite", "browsers refuse SameSite=None without Secure", "set secure = true");
}

void finish_request(CheckRequestOptions& request, const config::Scope& scope) {
  if (!is_token(request.method)) scope.problem("method", "\"" + request.method + "\" is no method");
  if (request.uri.empty() || request.uri[0] != '/') scope.problem("uri", "a check's uri begins with '/'");
  for (char c : request.uri)
    if (c <= ' ' || c > '~') { scope.problem("uri", "a byte of the uri must be encoded"); break; }
  for (char c : request.host)
    if (c <= ' ' || c > '~') { scope.problem("host", "\"" + request.host + "\" is no host"); break; }
}

// A tunnel keeps its place for as long as it is open.
void warn_of_tunnels(const std::optional<std::uint32_t>& maxconn, const config::Scope& scope) {
  if (scope.has("maxconn") && maxconn && *maxconn <= 4)
    scope.warning("maxconn", "a WebSocket takes one of " + std::to_string(*maxconn) + " places for as long as it is open", "send WebSockets to a backend of their own");
}

void finish_server(ServerOptions& server, const config::Scope& scope) {
  warn_of_tunnels(server.maxconn, scope);
  if (server.name.empty()) server.name = server.address.text;
  for (char c : server.name)
    if (c <= ' ' || c > '~' || c == ';' || c == ',' || c == '"' || c == '/') {
      if (c == '/' && server.name == server.address.text) continue;
      scope.problem("name", "\"" + server.name + "\" has a byte that names of servers may not have: space, ; , \" /");
      break;
    }
}

void finish_backend(BackendOptions& backend, const config::Scope& scope) {
  if (backend.server.empty()) scope.problem("server", "backend \"" + backend.name + "\" has no server", "add [[backend.server]]");
  for (std::size_t i = 0; i < backend.server.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (backend.server[i].name == backend.server[j].name) {
        scope.context().problem(scope.context().at(backend.server[i].where, "name"), "a second server \"" + backend.server[i].name + "\"");
        break;
      }
  for (const auto& [statuses, file] : backend.error_pages)
    base::split(statuses, ',', [&](std::string_view status) {
      const auto number = base::parse_decimal(base::trim(status));
      if (!number || *number < 400 || *number > 599) scope.problem("error_pages", "\"" + std::string(status) + "\" is no error status");
    });
}

}  // namespace

BALANCER_SECTION(CookieOptions) {
  static const Table<CookieOptions> table(
      "The sticky cookie: its value is the name of a server.",
      {option("name", &CookieOptions::name, "Name of the cookie.").required().not_empty().example("\"serverid\""),
       option("mode", &CookieOptions::mode, "`insert`: the balancer sets the cookie."),
       option("insert_on", &CookieOptions::insert_on,
              "Which answers may carry it: those no shared cache may store (private, no-store or with a Set-Cookie), or `always`, which makes every answer private."),
       option("indirect", &CookieOptions::indirect, "The servers do not see the cookie."),
       option("httponly", &CookieOptions::httponly, "Scripts cannot read it."),
       option("secure", &CookieOptions::secure, "Browsers send it over TLS only."),
       option("path", &CookieOptions::path, "Its Path."),
       option("domain", &CookieOptions::domain, "Its Domain; without, the host that answered."),
       option("samesite", &CookieOptions::samesite, "Its SameSite: Lax, Strict or None; without, the browser's default."),
       option("only_if", &CookieOptions::only_if, "Only requests that match get the cookie.")},
      finish_cookie);
  return table;
}

BALANCER_SECTION(QueueOptions) {
  static const Table<QueueOptions> table(
      "Requests that wait because every server has its maxconn.",
      {option("max_waiting", &QueueOptions::max_waiting, "More than these are answered 503 at once.").max(1'000'000),
       option("timeout", &QueueOptions::timeout, "Longest wait; then 503. Default: `defaults.timeout.queue`.").min(shortest),
       option("abort_on_client_close", &QueueOptions::abort_on_client_close,
              "A client that closes its side of the connection while waiting has left; false: it still wants its answer.")});
  return table;
}

BALANCER_SECTION(CheckRequestOptions) {
  static const Table<CheckRequestOptions> table("The request of an HTTP check.",
                                                {option("method", &CheckRequestOptions::method, "Its method."),
                                                 option("uri", &CheckRequestOptions::uri, "Its target."),
                                                 option("host", &CheckRequestOptions::host, "Its Host; default: the server's address.")},
                                                finish_request);
  return table;
}

BALANCER_SECTION(CheckExpectOptions) {
  static const Table<CheckExpectOptions> table("What a good answer is.",
                                               {option("status", &CheckExpectOptions::status, "Statuses: `200`, `2xx`, `200-299`.").not_empty().check(status_problem)});
  return table;
}

BALANCER_SECTION(CheckIntervalOptions) {
  static const Table<CheckIntervalOptions> table(
      "Time between the end of a check and the next.",
      {option("up", &CheckIntervalOptions::up, "Of a server that is up.").min(shortest),
       option("down", &CheckIntervalOptions::down, "Of one that is down.").min(shortest),
       option("change", &CheckIntervalOptions::change, "Of one in doubt or half-way up or down.").min(shortest)});
  return table;
}

BALANCER_SECTION(ObserveOptions) {
  static const Table<ObserveOptions> table("What requests tell about a server's health.",
                                           {option("layer", &ObserveOptions::layer, "4: failed connections. Error pages are no failure of a server.").range(4, 4),
                                            option("errors", &ObserveOptions::errors, "So many since the last good check are reported; 0: never."),
                                            option("action", &ObserveOptions::action, "`fastinter`: checks come at `interval.change`.")});
  return table;
}

BALANCER_SECTION(CheckOptions) {
  static const Table<CheckOptions> table("How servers are checked. No server is used before its first good check.",
                                         {option("type", &CheckOptions::type, "`http`, or `tcp`: only the connection."),
                                          option("request", &CheckOptions::request, "What an HTTP check asks."),
                                          option("expect", &CheckOptions::expect, "What it expects."),
                                          option("interval", &CheckOptions::interval, "How often."),
                                          option("timeout", &CheckOptions::timeout, "Longest duration of a check, connecting included.").min(shortest),
                                          option("rise", &CheckOptions::rise, "So many good checks bring a server back.").range(1, 1000),
                                          option("fall", &CheckOptions::fall, "So many bad ones take it out.").range(1, 1000),
                                          option("observe", &CheckOptions::observe, "What traffic tells.")});
  return table;
}

BALANCER_SECTION(ServerDefaultOptions) {
  static const Table<ServerDefaultOptions> table("For all servers of the backend.",
                                                 {option("maxconn", &ServerDefaultOptions::maxconn, "Requests a server gets at a time; unlimited by default.").min(1),
                                                  option("weight", &ServerDefaultOptions::weight, "Share of the requests.").max(65535),
                                                  option("check", &ServerDefaultOptions::check, "false: servers are taken as up."),
                                                  option("on_abort", &ServerDefaultOptions::on_abort,
                                                         "A request whose client left keeps its place until the server has answered (`wait`), or its connection is closed (`close`: for servers that notice).")},
                                                 [](ServerDefaultOptions& server, const Scope& scope) { warn_of_tunnels(server.maxconn, scope); });
  return table;
}

BALANCER_SECTION(ServerOptions) {
  static const Table<ServerOptions> table("A server.",
                                          {option("name", &ServerOptions::name, "Its name; default: the address."),
                                           option("address", &ServerOptions::address, "`host:port`, `[v6]:port` or `unix:/path`.").required().example("\"127.0.0.1:8081\""),
                                           option("maxconn", &ServerOptions::maxconn, "Requests it gets at a time.").min(1),
                                           option("weight", &ServerOptions::weight, "Share of the requests; 0: none but those that name it.").max(65535),
                                           option("check", &ServerOptions::check, "false: taken as up."),
                                           option("on_abort", &ServerOptions::on_abort, "See server_defaults.")},
                                          finish_server);
  return table;
}

BALANCER_SECTION(BackendOptions) {
  static const Table<BackendOptions> table("A group of servers that serve the same.",
                                           {option("name", &BackendOptions::name, "Its name.").required().not_empty().example("\"app\""),
                                            option("balance", &BackendOptions::balance, "How servers are chosen."),
                                            option("cookie", &BackendOptions::cookie, "The sticky cookie; none by default."),
                                            option("queue", &BackendOptions::queue, "Requests that wait."),
                                            option("check", &BackendOptions::check, "How servers are checked; false: not.").or_false(),
                                            option("server_defaults", &BackendOptions::server_defaults, "For all its servers."),
                                            option("server", &BackendOptions::server, "Its servers."),
                                            option("error_pages", &BackendOptions::error_pages,
                                                   "Files for the balancer's own errors, by status: `{ \"502,503\" = \"/etc/busy.html\" }`.")},
                                           finish_backend);
  return table;
}
