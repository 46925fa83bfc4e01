// SPDX-License-Identifier: BSD-2-Clause
#include "balancer/backend.h"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace balancer {
namespace {

RetryRules retry_rules(const RetryOptions& options) {
  const auto has = [&](RetryOn on) { return std::find(options.on.begin(), options.on.end(), on) != options.on.end(); };
  return {options.count, has(RetryOn::conn_failure), has(RetryOn::empty_response)};
}

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::shared_ptr<const re2::RE2> regex(const std::string& pattern) {
  return pattern.empty() ? nullptr : std::make_shared<re2::RE2>(pattern, re2::RE2::Quiet);
}

std::shared_ptr<const http::Endpoint> make_endpoint(const Server& server, const ServerOptions& options, const BackendOptions& backend,
                                                    const TimeoutOptions& timeout, std::uint32_t keepalive) {
  auto endpoint = std::make_shared<http::Endpoint>();
  endpoint->name = server.full_name;
  endpoint->address = server.address;
  endpoint->keepalive = keepalive;
  http::UpstreamOptions& o = endpoint->options;
  o.connect = timeout.connect;
  o.first_byte = timeout.server;
  o.between_bytes = timeout.between_bytes;
  o.write = timeout.client;
  o.keepalive_timeout = std::chrono::seconds(30);
  o.drain_timeout = timeout.server;
  o.tunnel = timeout.tunnel;
  o.close_on_abort = options.on_abort.value_or(backend.server_defaults.on_abort) == OnAbort::close;
  return endpoint;
}

}  // namespace

Condition compile(const ConditionOptions& options) {
  Condition out;
  out.path = options.path;
  out.prefix = options.prefix;
  out.regex = regex(options.regex);
  out.user_agent = regex(options.user_agent);
  for (const std::string& host : options.host) out.host.push_back(base::to_lower(host));
  out.method = options.method;
  out.header = options.header;
  out.cookie = options.cookie;
  return out;
}

Backend::Backend(const BackendOptions& given, const DefaultOptions& defaults, std::size_t workers, base::TimePoint now)
    : options(given),
      queue_timeout(given.queue.timeout.value_or(defaults.timeout.queue)),
      server_timeout(defaults.timeout.server),
      retries(retry_rules(defaults.retries)),
      policy(given.balance),
      book(given.name, {.max_waiting = given.queue.max_waiting}, policy),
      counters(workers),
      started(now) {
  for (const ServerOptions& s : options.server) {
    Server& server = servers.emplace_back(workers);
    server.name = s.name;
    server.full_name = options.name + "/" + s.name;
    server.address = s.address.address;
    const std::optional<std::uint32_t> limit = s.maxconn ? s.maxconn : options.server_defaults.maxconn;
    // Application servers count open connections (waitress stops at 100): not more than can be of use.
    const std::uint64_t keepalive = std::min<std::uint64_t>(64, std::uint64_t{limit.value_or(64)} * workers);
    server.endpoint = make_endpoint(server, s, options, defaults.timeout, static_cast<std::uint32_t>(keepalive));
    server.checked = options.check.has_value() && s.check.value_or(options.server_defaults.check);
    server.health.state = server.checked ? Health::State::starting : Health::State::unchecked;
    server.changed = now;
    book.add_row(s.name, limit.value_or(0), s.weight.value_or(options.server_defaults.weight), !server.checked);
  }
  book.change(now, [&](std::span<http::ServerRow> rows) {
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].out_for = servers[i].checked ? base::Duration::max() : std::chrono::seconds(1);
  });
  if (options.cookie) {
    const CookieOptions& c = *options.cookie;
    cookie = {c.name, c.insert_on, c.indirect, c.httponly, c.secure, c.path, c.domain, c.samesite};
    if (c.only_if) only_if = compile(*c.only_if);
  }
  for (const auto& [statuses, file] : options.error_pages) {
    const auto text = read_file(file);
    base::split(statuses, ',', [&](std::string_view status) {
      if (const auto number = base::parse_decimal(base::trim(status)); number && text) error_pages[static_cast<int>(*number)] = *text;
    });
  }
}

HealthRules Backend::health_rules() const {
  HealthRules rules;
  if (!options.check) return rules;
  const CheckOptions& c = *options.check;
  rules.rise = c.rise;
  rules.fall = c.fall;
  rules.interval_up = c.interval.up;
  rules.interval_down = c.interval.down;
  rules.interval_change = c.interval.change;
  rules.observe_errors = c.observe.errors;
  return rules;
}

bool Backend::any_up() const {
  return book.read([](std::span<const http::ServerRow> rows, const http::Admission::Totals&) {
    return std::any_of(rows.begin(), rows.end(), [](const http::ServerRow& r) { return r.takes_named(); });
  });
}

Frontend::Frontend(const FrontendOptions& given, std::size_t workers) : options(given), trusted(*options.trusted_proxies.list), counters(workers) {}

State::State(const DefaultOptions& given, const std::vector<FrontendOptions>& frontend_options, const std::vector<BackendOptions>& backend_options,
             std::size_t workers, base::TimePoint now)
    : defaults(given), workers_(workers) {
  for (const BackendOptions& b : backend_options) backends.emplace_back(b, defaults, workers, now);
  const auto index = [&](const std::string& name) {
    for (std::size_t i = 0; i < backends.size(); ++i)
      if (backends[i].name() == name) return i;
    return no_backend;
  };
  for (const FrontendOptions& f : frontend_options) {
    Frontend& frontend = frontends.emplace_back(f, workers);
    frontend.rules.frontend = f.name;
    if (!f.default_backend.empty()) frontend.rules.default_backend = index(f.default_backend);
    for (const UseBackendOptions& use : f.use_backend) frontend.rules.rules.push_back({compile(use.condition), index(use.backend)});
  }
}

Backend* State::find_backend(std::string_view name) {
  for (Backend& b : backends)
    if (b.name() == name) return &b;
  return nullptr;
}

void check_references(config::Context& context, const std::vector<FrontendOptions>& frontends, const std::vector<BackendOptions>& backends) {
  std::vector<std::string> names;
  for (const BackendOptions& b : backends) {
    if (std::find(names.begin(), names.end(), b.name) != names.end()) context.problem(context.at(b.where, "name"), "a second backend \"" + b.name + "\"");
    names.push_back(b.name);
    for (const auto& [statuses, file] : b.error_pages)
      if (!read_file(file)) context.problem(context.at(b.where, "error_pages"), "cannot read \"" + file + "\"");
  }
  const auto known = [&](config::Where where, const char* key, const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end())
      context.problem(context.at(where, key), "no backend \"" + name + "\"", config::suggestion(name, names));
  };
  std::vector<std::string> fronts;
  for (const FrontendOptions& f : frontends) {
    if (std::find(fronts.begin(), fronts.end(), f.name) != fronts.end()) context.problem(context.at(f.where, "name"), "a second frontend \"" + f.name + "\"");
    fronts.push_back(f.name);
    if (!f.default_backend.empty()) known(f.where, "default_backend", f.default_backend);
    for (const UseBackendOptions& use : f.use_backend)
      if (!use.backend.empty()) known(use.where, "backend", use.backend);
  }
}

}  // namespace balancer
