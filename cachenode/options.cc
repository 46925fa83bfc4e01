// SPDX-License-Identifier: BSD-2-Clause
#include "cachenode/options.h"

using namespace cachenode;
using namespace std::chrono_literals;
using config::option;
using config::Scope;
using config::Table;

template <>
const Table<ListenSection>& config::table_of<ListenSection>() {
  static const Table<ListenSection> table("A place where clients and the tier in front connect.",
      {config::embed(&ListenSection::common),
       option("trusted_proxies", &ListenSection::trusted_proxies,
              "Peers whose X-Forwarded-*, X-Real-IP, Forwarded and X-Request-ID are believed; \"unix\": peers on Unix sockets. From others these fields are removed.")
           .example("[\"unix\", \"127.0.0.1\"]")});
  return table;
}

template <>
const Table<OriginTimeoutSection>& config::table_of<OriginTimeoutSection>() {
  static const Table<OriginTimeoutSection> table("How long the origin may take.",
      {option("connect", &OriginTimeoutSection::connect, "For a connection.").min(1ms),
       option("first_byte", &OriginTimeoutSection::first_byte, "From the request sent to the head of the answer; longer than what stands behind needs.").min(1ms),
       option("between_bytes", &OriginTimeoutSection::between_bytes, "Between two parts of an answer.").min(1ms)},
      [](OriginTimeoutSection& section, const Scope& scope) {
        if (scope.has("first_byte") && section.first_byte < section.between_bytes)
          scope.warning("first_byte", "shorter than between_bytes: time-outs grow outwards, and a head takes longest", "the default is \"345s\"");
      });
  return table;
}
template <>
const Table<OriginQueueSection>& config::table_of<OriginQueueSection>() {
  static const Table<OriginQueueSection> table("Requests that wait because max_connections are in use.",
      {option("max_waiting", &OriginQueueSection::max_waiting, "Beyond it requests are answered 503."),
       option("timeout", &OriginQueueSection::timeout, "How long one may wait.").min(1ms)});
  return table;
}
template <>
const Table<ProbeSection>& config::table_of<ProbeSection>() {
  static const Table<ProbeSection> table("Asking the origin whether it is well. A sick origin decides the use of stale objects only; misses are still tried.",
      {option("url", &ProbeSection::url, "Path to ask for; 2xx and 3xx are well.").example("\"/_health\""),
       option("host", &ProbeSection::host, "Host field of the question; empty: the origin's name."),
       option("interval", &ProbeSection::interval, "From one question to the next.").min(10ms),
       option("timeout", &ProbeSection::timeout, "For a whole answer.").min(1ms),
       option("window", &ProbeSection::window, "How many of the last answers count.").range(1, 64),
       option("threshold", &ProbeSection::threshold, "How many of them must be well.").min(1)},
      [](ProbeSection& probe, const Scope& scope) {
        if (probe.threshold > probe.window) scope.problem("threshold", "\"threshold\" is larger than \"window\": the origin would always be sick");
        if (!probe.url.starts_with('/')) scope.problem("url", "\"url\" must begin with '/'");
      });
  return table;
}
template <>
const Table<OriginSection>& config::table_of<OriginSection>() {
  static const Table<OriginSection> table("Where answers come from: the balancer or the application.",
      {option("address", &OriginSection::address, "Its address.").required().example("\"127.0.0.1:8080\""),
       option("timeout", &OriginSection::timeout, "How long it may take."),
       option("max_connections", &OriginSection::max_connections, "Requests in progress there, of all workers together.").range(1, 1u << 20),
       option("keepalive", &OriginSection::keepalive, "Idle connections kept open, of all workers together; while a crowd is served, as many as it needs. 0: none."),
       option("keepalive_timeout", &OriginSection::keepalive_timeout, "How long an idle connection is kept; less where an answer says so."),
       option("queue", &OriginSection::queue, "Requests beyond max_connections."),
       option("probe", &OriginSection::probe, "Asking whether it is well. Without it the origin counts as well.")});
  return table;
}

template <>
const Table<StorageSection>& config::table_of<StorageSection>() {
  static const Table<StorageSection> table("The store.",
      {option("memory", &StorageSection::memory, "Bound of its memory; heads, bodies and index are counted. A smaller one evicts what is too much.").min(1 << 20).live(),
       option("max_object", &StorageSection::max_object, "Largest body that is stored.").min(1).default_text("a quarter of memory")},
      [](StorageSection& storage, const Scope& scope) {
        if (storage.max_object && *storage.max_object > storage.memory) scope.problem("max_object", "\"max_object\" is larger than \"memory\"");
      });
  return table;
}

template <>
const Table<QuerySection>& config::table_of<QuerySection>() {
  static const Table<QuerySection> table("The query's part in the key.",
      {option("sort", &QuerySection::sort, "Sort parameters, so that their order does not matter."),
       option("remove", &QuerySection::remove, "Parameters removed from the key and from what the origin is asked; '*' is a wildcard.").example("[\"utm_*\", \"fbclid\"]")});
  return table;
}
template <>
const Table<KeySection>& config::table_of<KeySection>() {
  static const Table<KeySection> table("What objects are found by: scheme, host, path, query, class of Accept and the kept cookies.",
      {option("query", &KeySection::query, "The query's part."),
       option("accept_class", &KeySection::accept_class, "Requests for exactly one media type under application/ never share an object with others.")});
  return table;
}

template <>
const Table<DefaultsSection>& config::table_of<DefaultsSection>() {
  static const Table<DefaultsSection> table("Lifetimes where neither the answer nor a rule says otherwise.",
      {option("ttl", &DefaultsSection::ttl, "Freshness of answers without any lifetime; 0s: they are not stored."),
       option("grace", &DefaultsSection::grace, "How long a stale object may be used while it is fetched anew, where the answer permits."),
       option("stale_if_error", &DefaultsSection::stale_if_error, "How long a stale object may be used while the origin fails, where the answer permits."),
       option("keep", &DefaultsSection::keep, "How long a stale object is kept to be validated."),
       option("uncacheable_ttl", &DefaultsSection::uncacheable_ttl, "After an answer that cannot be stored, requests for it do not wait for each other for so long."),
       option("error_ttl_max", &DefaultsSection::error_ttl_max, "Longest freshness of a 5xx, which is stored only with max-age or s-maxage of its own.")});
  return table;
}

template <>
const Table<AuthenticatedSection>& config::table_of<AuthenticatedSection>() {
  static const Table<AuthenticatedSection> table("What means a log-in besides Authorization, Client-Cert*, Remote-User, X-Remote-User and X-Forwarded-User.",
      {option("cookies", &AuthenticatedSection::cookies, "Cookie names; '*' is a wildcard.").example("[\"__ac\", \"__ac_*\"]"),
       option("fields", &AuthenticatedSection::fields, "Names of further request fields.")});
  return table;
}
template <>
const Table<IdentitySection>& config::table_of<IdentitySection>() {
  static const Table<IdentitySection> table("Who is logged in: such requests are passed, never answered from the store, their answers never stored.",
      {option("authenticated", &IdentitySection::authenticated, "What means a log-in."),
       option("keep_cookies", &IdentitySection::keep_cookies, "Cookies of anonymous visitors that change pages: part of the key, sent to the origin."),
       option("ignore_cookies", &IdentitySection::ignore_cookies, "Cookies that mean nothing to the application: removed before a look-up."),
       option("other_cookies", &IdentitySection::other_cookies, "What any other cookie does: pass the request, or be dropped before a look-up.")});
  return table;
}

template <>
const Table<MatchSection>& config::table_of<MatchSection>() {
  static const Table<MatchSection> table("Conditions; all that are given must hold. Paths are those that visitors see, decoded.",
      {option("path", &MatchSection::path, "The whole path."),
       option("prefix", &MatchSection::prefix, "Whole segments at its beginning."),
       option("regex", &MatchSection::regex, "An expression (RE2) found in it."),
       option("host", &MatchSection::host, "Host names; '*' is a wildcard."),
       option("method", &MatchSection::method, "Methods."),
       option("header", &MatchSection::header, "A request field that must be there."),
       option("status", &MatchSection::status, "Status of the answer.").range(100, 599),
       option("content_type", &MatchSection::content_type, "Media type of the answer, or \"text/*\"."),
       option("no_header", &MatchSection::no_header, "A field that the answer must not have.")},
      [](MatchSection& match, const Scope& scope) {
        if (!match.path.empty() && !match.path.starts_with('/')) scope.problem("path", "\"path\" must begin with '/'");
        if (!match.prefix.empty() && !match.prefix.starts_with('/')) scope.problem("prefix", "\"prefix\" must begin with '/'");
        if (match.regex.empty()) return;
        const re2::RE2 regex(match.regex, re2::RE2::Quiet);
        if (!regex.ok()) scope.problem("regex", "\"regex\" does not compile: " + regex.error());
      });
  return table;
}

template <>
const Table<RuleSection>& config::table_of<RuleSection>() {
  static const Table<RuleSection> table(
      "What holds for some requests or answers. Tried in order; the first that matches holds, one among those that look at the request only and "
      "one among those that look at the answer.",
      {option("name", &RuleSection::name, "For logs and explanations.").required().not_empty().example("\"editing\""),
       option("match", &RuleSection::match, "When it holds; without it always."),
       option("unless", &RuleSection::unless, "When it does not hold after all."),
       option("share", &RuleSection::share, "The same bytes for everybody: credentials are removed, then the request is looked up."),
       option("pass", &RuleSection::pass, "Never looked up, never stored."),
       option("ttl", &RuleSection::ttl, "Freshness of answers without any lifetime of their own."),
       option("override_ttl", &RuleSection::override_ttl, "Freshness whatever the answer says; needs client_cache_control."),
       option("client_cache_control", &RuleSection::client_cache_control, "Cache-Control that clients get, with Age 0."),
       option("grace", &RuleSection::grace, "As in [defaults]."),
       option("stale_if_error", &RuleSection::stale_if_error, "As in [defaults]."),
       option("stale_override", &RuleSection::stale_override, "Directives that do not forbid the use of stale objects while the origin fails."),
       option("ignore", &RuleSection::ignore, "Directives and fields of answers that do not keep them from being stored. Set-Cookie is removed then.")},
      [](RuleSection& rule, const Scope& scope) {
        if (rule.override_ttl && !rule.client_cache_control)
          scope.problem("override_ttl", "\"override_ttl\" needs \"client_cache_control\"", "say what clients may keep: client_cache_control = \"max-age=0\"");
        const bool answer = !rule.match.status.empty() || !rule.match.content_type.empty() || !rule.match.no_header.empty();
        if (answer && rule.pass) scope.problem("pass", "a rule that looks at the answer cannot pass the request", "match by path");
        if (answer && rule.share) scope.problem("share", "a rule that looks at the answer cannot share", "match by path");
        if (rule.pass && rule.share) scope.problem("share", "a rule either passes or shares");
        for (const Directive d : rule.stale_override)
          if (d != Directive::must_revalidate && d != Directive::proxy_revalidate && d != Directive::s_maxage)
            scope.problem("stale_override", "only must-revalidate, proxy-revalidate and s-maxage can be lifted");
      });
  return table;
}

template <>
const Table<PurgeSection>& config::table_of<PurgeSection>() {
  static const Table<PurgeSection> table("Invalidation.",
      {option("allow", &PurgeSection::allow,
              "Peers that may invalidate, if their request bears no sign of another proxy; \"unix\": peers on Unix sockets. Nobody by default.")
           .example("[\"127.0.0.1\"]"),
       option("methods", &PurgeSection::methods, "Methods that are enabled.").check([](const std::string& m) { return m == "PURGE" ? std::string() : "only PURGE is known"; }),
       option("vhm", &PurgeSection::vhm, "Objects are found by the path that visitors see, in whatever virtual-host form it comes."),
       option("settle", &PurgeSection::settle, "Application servers may learn of a change later than we do: what is fetched within this time is kept no longer than it."),
       option("invalidate", &PurgeSection::invalidate, "Whose successful unsafe requests invalidate their target."),
       option("not_found", &PurgeSection::not_found, "Status where nothing was there to purge: 404 or 200.")
           .check([](int status) { return status == 404 || status == 200 ? std::string() : "404 or 200"; })});
  return table;
}

template <>
const Table<HeadersSection>& config::table_of<HeadersSection>() {
  static const Table<HeadersSection> table("Fields of answers.",
      {option("cache_status", &HeadersSection::cache_status, "Name in Cache-Status (RFC 9211); empty: the field is not sent."),
       option("x_cache", &HeadersSection::x_cache, "Send X-Cache: HIT or MISS."),
       option("client_s_maxage", &HeadersSection::client_s_maxage,
              "\"zero\": clients get s-maxage=0, because shared caches in front do not hear of purges.")});
  return table;
}

template <>
const Table<Options>& config::table_of<Options>() {
  static const Table<Options> table("A shared cache for one origin.",
      {config::embed(&Options::process),
       option("log", &Options::log, "Access and error log."),
       option("limits", &Options::limits, "What clients may send and how long they may take."),
       option("listen", &Options::listen, "Where clients connect.").required().not_empty().example("[{ address = \"127.0.0.1:6081\" }]"),
       option("origin", &Options::origin, "Where answers come from.").required().not_empty(),
       option("storage", &Options::storage, "The store."),
       option("key", &Options::key, "What objects are found by."),
       option("defaults", &Options::defaults, "Lifetimes where nothing else says so."),
       option("identity", &Options::identity, "Who is logged in."),
       option("rule", &Options::rule, "What holds for some requests or answers."),
       option("purge", &Options::purge, "Invalidation."),
       option("headers", &Options::headers, "Fields of answers."),
       option("via", &Options::via, "Our name in Via; requests that bear it already are refused (508).").default_text("cachenode-<6 hex digits>"),
       option("via_visits", &Options::via_visits, "How often a request may have passed before."),
       option("append_xff", &Options::append_xff, "Append the peer's address to X-Forwarded-For.")});
  return table;
}
