// SPDX-License-Identifier: BSD-2-Clause
#include "balancer/options.h"

#include <re2/re2.h>

#include "balancer/backend.h"

namespace {

using namespace balancer;
using config::option;

constexpr auto shortest = std::chrono::milliseconds(1);

std::string regex_problem(const std::string& pattern) {
  const re2::RE2 regex(pattern, re2::RE2::Quiet);
  return regex.ok() ? std::string{} : "not a regular expression: " + regex.error();
}

std::string path_problem(const std::string& text) { return text.starts_with('/') ? std::string{} : "a path begins with '/'"; }

void finish_frontend(FrontendOptions& frontend, const config::Scope& scope) {
  if (frontend.name.empty() && !frontend.bind.empty()) frontend.name = frontend.bind.front().text;
  if (frontend.default_backend.empty() && frontend.use_backend.empty())
    scope.problem("default_backend", "frontend \"" + frontend.name + "\" leads nowhere", "add default_backend = \"NAME\"");
}

}  // namespace

BALANCER_SECTION(ConditionOptions) {
  static const Table<ConditionOptions> table(
      "Holds if every part that is given holds; of several values one is enough.",
      {option("path", &ConditionOptions::path, "The path, decoded once.").check(path_problem),
       option("prefix", &ConditionOptions::prefix, "Its first segments.").check(path_problem),
       option("regex", &ConditionOptions::regex, "Found anywhere in the path.").check(regex_problem),
       option("host", &ConditionOptions::host, "Host without port; `*` stands for anything."),
       option("method", &ConditionOptions::method, "Methods."),
       option("header", &ConditionOptions::header, "Names of fields of which one is there."),
       option("cookie", &ConditionOptions::cookie, "Names of cookies of which one is there; `*` stands for anything."),
       option("user_agent", &ConditionOptions::user_agent, "Regular expression found in User-Agent.").check(regex_problem)});
  return table;
}

BALANCER_SECTION(TimeoutOptions) {
  static const Table<TimeoutOptions> table(
      "Timeouts. They grow outwards: what stands in front of the balancer should wait longer.",
      {option("connect", &TimeoutOptions::connect, "Connecting to a server.").min(shortest).live(),
       option("client", &TimeoutOptions::client, "A client's connection between requests, and without progress of a body or an answer.").min(shortest).live(),
       option("server", &TimeoutOptions::server, "From the request to the first byte of its answer, all attempts together.").min(shortest).live(),
       option("between_bytes", &TimeoutOptions::between_bytes, "Between two bytes of an answer.").min(shortest).live(),
       option("queue", &TimeoutOptions::queue, "Waiting for a server's free place.").min(shortest).live(),
       option("http_request", &TimeoutOptions::http_request, "From the first to the last byte of a request's head.").min(shortest).live(),
       option("tunnel", &TimeoutOptions::tunnel, "A WebSocket without a byte.").min(shortest).live()});
  return table;
}

BALANCER_SECTION(RetryOptions) {
  static const Table<RetryOptions> table("Which requests are asked again.",
                                         {option("count", &RetryOptions::count, "Repetitions of a request that had been sent.").max(10).live(),
                                          option("on", &RetryOptions::on, "After which failures.").live()});
  return table;
}

BALANCER_SECTION(DefaultOptions) {
  static const Table<DefaultOptions> table(
      "For all frontends and backends.",
      {option("timeout", &DefaultOptions::timeout, "Timeouts."),
       option("min_body_rate", &DefaultOptions::min_body_rate,
              "Bytes a second that a request's body must bring while it is waited for, on average over `timeout.client`; then 408. 0: any.").live(),
       option("min_write_rate", &DefaultOptions::min_write_rate,
              "Bytes a second of an answer that the client must take while some wait for it, on average over `timeout.client`. 0: any.").live(),
       option("retries", &DefaultOptions::retries, "Repeating failed requests.")});
  return table;
}

BALANCER_SECTION(UseBackendOptions) {
  static const Table<UseBackendOptions> table(
      "A rule; the first that matches wins.",
      {option("backend", &UseBackendOptions::backend, "Name of the backend.").required().not_empty(),
       option("if", &UseBackendOptions::condition, "For which requests; without, for all.")});
  return table;
}

BALANCER_SECTION(FrontendOptions) {
  static const Table<FrontendOptions> table(
      "Where clients connect, and which backends serve them.",
      {option("name", &FrontendOptions::name, "Its name; default: the first address."),
       option("bind", &FrontendOptions::bind, "Addresses: `host:port`, `[v6]:port`, `*:port`, `unix:/path`.").required().not_empty().restart().example("\"127.0.0.1:8080\""),
       option("trusted_proxies", &FrontendOptions::trusted_proxies,
              "Networks of the peers whose X-Forwarded-* and X-Request-ID are believed; `unix`: peers on Unix sockets."),
       option("maxconn", &FrontendOptions::maxconn, "Most connections at a time on each address; the rest waits in the kernel's queue. Unlimited by default.").min(1),
       option("health", &FrontendOptions::health, "Path of the health page; `PATH/NAME` is that of one backend.").check(path_problem).example("\"/_health\""),
       option("append_xff", &FrontendOptions::append_xff, "Append the peer's address to a trusted X-Forwarded-For."),
       option("default_backend", &FrontendOptions::default_backend, "The backend when no rule matches."),
       option("use_backend", &FrontendOptions::use_backend, "Rules.")},
      finish_frontend);
  return table;
}

BALANCER_SECTION(StatsOptions) {
  static const Table<StatsOptions> table("The status page: HTML, and CSV at `;csv`.",
                                         {option("address", &StatsOptions::address, "Where it listens.").required().restart().example("\"127.0.0.1:1936\""),
                                          option("uri", &StatsOptions::uri, "Its path.").check(path_problem)});
  return table;
}

BALANCER_SECTION(Options) {
  static const Table<Options> table(
      "The balancer.",
      {embed(&Options::process), option("log", &Options::log, "Logs."), option("stats", &Options::stats, "The status page; none by default."),
       option("state", &Options::state,
              "File in which states, weights and servers that commands set are kept over a restart; none by default: they last as long as the process.")
           .live().example("\"/var/lib/balancer/state\""),
       option("via", &Options::via, "Our name in Via; by default made of the machine and the configuration's path.").default_text("`balancer-` and six digits"),
       option("via_visits", &Options::via_visits, "How often a request may have passed here before it is a loop.").max(100),
       option("defaults", &Options::defaults, "For all frontends and backends."),
       option("frontend", &Options::frontend, "Where clients connect.").not_empty(),
       option("backend", &Options::backend, "Groups of servers.").not_empty()},
      [](Options& options, const Scope& scope) {
        if (!options.log.access || !options.log.access->format.empty()) return;
        options.log.access->format = "httplog";
        static_cast<void>(scope);
      });
  return table;
}
