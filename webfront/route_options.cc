// SPDX-License-Identifier: BSD-2-Clause
#include "webfront/route_options.h"

#include <re2/re2.h>

#include "http/scan.h"
#include "webfront/text_template.h"
#include "webfront/virtual_host.h"

namespace webfront {

std::string regex_problem(const std::string& pattern) {
  if (pattern.empty()) return {};
  const re2::RE2 compiled(pattern, re2::RE2::Quiet);
  return compiled.ok() ? std::string() : "the pattern is refused: " + compiled.error();
}

namespace {

std::string path_problem(const std::string& path) {
  if (path.empty() || path.starts_with('/')) return {};
  return "a path begins with \"/\"";
}
std::string template_problem(const std::string& text) {
  TextTemplate compiled;
  std::string problem;
  TextTemplate::compile(text, compiled, problem);
  return problem;
}
std::string field_problem(const std::string& name) {
  if (name.empty()) return "the name of a field is empty";
  for (char c : name)
    if (!http::is_token_byte(c)) return "\"" + name + "\" is no name of a field";
  return {};
}

template <class S>
void one_path(const S& section, const config::Scope& scope) {
  if ((!section.path.empty()) + (!section.prefix.empty()) + (!section.regex.empty()) > 1)
    scope.problem(section.path.empty() ? "regex" : "path", "only one of path, prefix and regex");
}

void check_route(RouteOptions& route, const config::Scope& scope) {
  one_path(route, scope);
  const int actions = route.files.has_value() + route.respond.has_value() + route.redirect.has_value() + !route.proxy.empty();
  if (actions == 0) scope.problem("", "the route does nothing", "give it one of proxy, files, respond and redirect");
  if (actions > 1) scope.problem("", "the route does more than one thing", "one of proxy, files, respond and redirect");
  if (route.vhm && route.rewrite) scope.problem("rewrite", "vhm and rewrite in one route", "vhm writes the whole target");
  if (route.proxy.empty() && (route.vhm || route.rewrite)) scope.problem(route.vhm ? "vhm" : "rewrite", "without proxy nothing is rewritten");
  if (route.proxy.empty() && (route.queue || route.buffer_body)) scope.problem(route.queue ? "queue" : "buffer_body", "without proxy nothing waits");
  if (route.files && !route.files->alias.empty() && route.path.empty() && route.prefix.empty())
    scope.problem("files", "alias replaces a prefix, and the route has none", "use root, or give the route a prefix");
}

void check_virtual_host(VirtualHostOptions& rule, const config::Scope& scope) {
  while (rule.site.ends_with('/')) rule.site.pop_back();
  if (!rule.site.empty() && !rule.site.starts_with('/')) scope.problem("site", "the path in the database begins with \"/\"", "site = \"/" + rule.site + "\"");
  if (rule.host != "$host" && !fits_in_path(rule.host)) scope.problem("host", "\"" + rule.host + "\" is no host name", "\"$host\", or a name without port");
  if (!rule.subfolder.empty() && !rule.subfolder.starts_with('/')) scope.problem("subfolder", "a path begins with \"/\"");
  if (rule.api && !rule.subfolder.empty()) scope.problem("subfolder", "api and subfolder in one vhm");
}

}  // namespace

}  // namespace webfront

namespace config {

using namespace webfront;

template <>
const Table<ConditionOptions>& table_of<ConditionOptions>() {
  using O = ConditionOptions;
  static const Table<O> table("All parts that are given must hold; of several values in one part one is enough.", {
    option("client", &O::client, "Networks of the client, after trusted proxies."),
    option("method", &O::method, "Methods."),
    option("header", &O::header, "Fields that must be there: any value if empty, else a pattern with `*`.").example("{ \"X-Requested-With\" = \"*\" }"),
    option("cookie", &O::cookie, "Names of cookies, `*` allowed."),
    option("path", &O::path, "This path alone.").check(path_problem),
    option("prefix", &O::prefix, "This path and all below it.").check(path_problem),
    option("regex", &O::regex, "RE2 pattern, found anywhere in the decoded path.").check(regex_problem),
  }, one_path<O>);
  return table;
}

template <>
const Table<FilesOptions>& table_of<FilesOptions>() {
  using O = FilesOptions;
  static const Table<O> table("Static files. Nothing outside the directory is reached, and nothing whose name begins with a dot but `.well-known`.", {
    option("root", &O::root, "The file is root and the whole path."),
    option("alias", &O::alias, "The directory stands for the route's prefix."),
    option("index", &O::index, "Names tried in a directory."),
    option("precompressed", &O::precompressed, "Neighbours `.br`, `.zst`, `.gz` are sent to who accepts them: `br`, `zstd`, `gzip` in order of preference.")
        .check([](const std::string& c) { return c == "br" || c == "zstd" || c == "gzip" ? std::string() : "\"" + c + "\" is not known: br, zstd or gzip"; })
        .example("[\"br\", \"gzip\"]"),
    option("cache_control", &O::cache_control, "The answers' Cache-Control.").example("\"public, max-age=31536000, immutable\""),
  }, [](O& files, const Scope& scope) {
    if (files.root.empty() == files.alias.empty()) scope.problem(files.root.empty() ? "" : "alias", "files needs root or alias", "root = \"/srv/www\"");
  });
  return table;
}

template <>
const Table<RespondOptions>& table_of<RespondOptions>() {
  using O = RespondOptions;
  static const Table<O> table("An answer made here.", {
    option("status", &O::status, "Status.").range(200, 599),
    option("body", &O::body, "Body; empty for a status of 400 and more: the error page."),
    option("content_type", &O::content_type, "Type of the body."),
  });
  return table;
}

template <>
const Table<RedirectOptions>& table_of<RedirectOptions>() {
  using O = RedirectOptions;
  static const Table<O> table("A redirect.", {
    option("to", &O::to, "Where to; variables as in nginx, `$1` … of the route's regex.").required().not_empty().check(template_problem)
        .example("\"https://www.example.org$request_uri\""),
    option("status", &O::status, "Status; 0: 301 for GET and HEAD, else 308.").check([](std::uint32_t s) {
      return s == 0 || s == 301 || s == 302 || s == 303 || s == 307 || s == 308 ? std::string() : std::to_string(s) + " is no redirect";
    }),
  });
  return table;
}

template <>
const Table<RewriteOptions>& table_of<RewriteOptions>() {
  using O = RewriteOptions;
  static const Table<O> table("A new path for the request that is sent on.", {
    option("regex", &O::regex, "RE2 pattern, looked for in the path as the client sent it.").required().not_empty().check(regex_problem)
        .example("'^/old/(.*)$'"),
    option("to", &O::to, "The whole new path; `$1` … are the pattern's groups. The query is kept unless it has one.").required().not_empty().check(template_problem)
        .example("'/new/$1'"),
  });
  return table;
}

template <>
const Table<VirtualHostOptions>& table_of<VirtualHostOptions>() {
  using O = VirtualHostOptions;
  static const Table<O> table("Zope's virtual-host path. Client-made virtual-host segments are refused on every site that has one.", {
    option("site", &O::site, "Path of the site in the object database; `\"\"`: its root."),
    option("host", &O::host, "`\"$host\"`: the request's, or a fixed name."),
    option("port", &O::port, "0: the request's if the host is the request's, else the scheme's."),
    option("subfolder", &O::subfolder, "The public folder under which the site is seen, as `/a/b`."),
    option("api", &O::api, "Volto's form: what lies below `/++api++` goes to the site, with `++api++` before the virtual root."),
  }, check_virtual_host);
  return table;
}

template <>
const Table<QueueOptions>& table_of<QueueOptions>() {
  using O = QueueOptions;
  static const Table<O> table("How many requests may be under way, and how many wait for that; the others get 503 with Retry-After.", {
    option("max_active", &O::max_active, "Requests under way, in the whole process.").min(1),
    option("max_waiting", &O::max_waiting, "Requests that wait."),
    option("timeout", &O::timeout, "How long one waits.").min(std::chrono::milliseconds(1)),
    option("class", &O::priority, "Whose turn it is among those that wait for the upstream."),
  });
  return table;
}

template <>
const Table<HeaderOptions>& table_of<HeaderOptions>() {
  using O = HeaderOptions;
  static const Table<O> table("Fields of answers.", {
    option("set", &O::set, "Set to these values, variables allowed; also on errors and 304.").check(template_problem)
        .example("{ \"X-Content-Type-Options\" = \"nosniff\" }"),
    option("remove", &O::remove, "Removed from the upstream's answers.").check(field_problem),
  }, [](O& headers, const Scope& scope) {
    for (const auto& [name, value] : headers.set)
      if (const std::string wrong = field_problem(name); !wrong.empty()) scope.problem("set", wrong);
  });
  return table;
}

template <>
const Table<RouteOptions>& table_of<RouteOptions>() {
  using O = RouteOptions;
  static const Table<O> table("Tried in order; the first that matches is taken. What a route does is written in it.", {
    option("name", &O::name, "For logs and metrics."),
    option("path", &O::path, "This path alone.").check(path_problem),
    option("prefix", &O::prefix, "This path and all below it, by whole segments.").check(path_problem),
    option("regex", &O::regex, "RE2 pattern, found anywhere in the decoded path.").check(regex_problem),
    option("methods", &O::methods, "Only these methods."),
    option("if", &O::only_if, "Only if this holds."),
    option("unless", &O::unless, "Not if this holds."),
    option("files", &O::files, "Serve files."),
    option("respond", &O::respond, "Answer."),
    option("redirect", &O::redirect, "Redirect."),
    option("rewrite", &O::rewrite, "Rewrite the target before it is sent on."),
    option("vhm", &O::vhm, "Send a virtual-host path to Zope."),
    option("proxy", &O::proxy, "Send on: an address, or the name of an `[upstream.NAME]`."),
    option("queue", &O::queue, "A queue of the route's own, before the upstream's."),
    option("headers", &O::headers, "Fields of answers, after the site's."),
    option("body_size", &O::body_size, "Largest body of a request; beyond it 413. Without it `limits.body_size`."),
    option("buffer_body", &O::buffer_body, "Collect the whole body before a place at the upstream is asked for; when `limits.buffers` is used up, what there is of it."),
  }, check_route);
  return table;
}

}  // namespace config
