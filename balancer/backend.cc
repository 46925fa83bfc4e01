// SPDX-License-Identifier: BSD-2-Clause
#include "balancer/backend.h"

#include <algorithm>
#include <cstring>

#include "balancer/check_task.h"

namespace balancer {
namespace {

RetryRules retry_rules(const RetryOptions& options) {
  const auto has = [&](RetryOn on) { return std::find(options.on.begin(), options.on.end(), on) != options.on.end(); };
  return {options.count, has(RetryOn::conn_failure), has(RetryOn::empty_response)};
}

std::shared_ptr<const re2::RE2> regex(const std::string& pattern) {
  return pattern.empty() ? nullptr : std::make_shared<re2::RE2>(pattern, re2::RE2::Quiet);
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

Backend::Backend(const BackendOptions& given, const DefaultOptions& defaults, std::size_t worker_count)
    : options(given),
      timeout(defaults.timeout),
      queue_timeout(given.queue.timeout.value_or(defaults.timeout.queue)),
      server_timeout(defaults.timeout.server),
      retries(retry_rules(defaults.retries)),
      workers(worker_count) {
  for (const ServerOptions& s : options.server) servers.push_back(plan(s));
  if (options.cookie) {
    const CookieOptions& c = *options.cookie;
    cookie = {c.name, c.insert_on, c.indirect, c.httponly, c.secure, c.path, c.domain, c.samesite};
    if (c.only_if) only_if = compile(*c.only_if);
  }
  for (std::size_t i = 0; i < options.error_page_texts.size(); ++i)
    base::split(options.error_pages[i].first, ',', [&](std::string_view status) {
      if (const auto number = base::parse_decimal(base::trim(status))) error_pages[static_cast<int>(*number)] = options.error_page_texts[i];
    });
}

ServerPlan Backend::plan(const ServerOptions& server) const {
  const ServerDefaultOptions& usual = options.server_defaults;
  ServerPlan out;
  out.name = server.name;
  out.full_name = options.name + "/" + server.name;
  out.address = server.address.address;
  const std::optional<std::uint32_t> limit = server.maxconn ? server.maxconn : usual.maxconn;
  out.limit = limit.value_or(0);
  out.weight = server.weight.value_or(usual.weight);
  out.checked = options.check.has_value() && server.check.value_or(usual.check);
  // Application servers count open connections (waitress stops at 100): not more than can be of use.
  out.keepalive = static_cast<std::uint32_t>(std::min<std::uint64_t>(64, std::uint64_t{limit.value_or(64)} * workers));
  http::UpstreamOptions& o = out.upstream;
  o.connect = timeout.connect;
  o.first_byte = timeout.server;
  o.between_bytes = timeout.between_bytes;
  o.write = timeout.client;
  o.keepalive_timeout = std::chrono::seconds(30);
  o.drain_timeout = timeout.server;
  o.tunnel = timeout.tunnel;
  o.close_on_abort = server.on_abort.value_or(usual.on_abort) == OnAbort::close;
  return out;
}

HealthRules Backend::health_rules() const { return options.check ? balancer::health_rules(*options.check) : HealthRules{}; }

bool BackendState::any_up() const {
  return book.read([](std::span<const http::ServerRow> rows, const http::Admission::Totals&) {
    return std::any_of(rows.begin(), rows.end(), [](const http::ServerRow& r) { return r.takes_named(); });
  });
}

Frontend::Frontend(const FrontendOptions& given) : options(given), trusted(*options.trusted_proxies.list) {}

Plan::Plan(const DefaultOptions& given, const std::vector<FrontendOptions>& frontend_options, const std::vector<BackendOptions>& backend_options,
           std::size_t worker_count)
    : defaults(given), workers(worker_count) {
  for (const BackendOptions& b : backend_options) backends.push_back(std::make_shared<Backend>(b, defaults, workers));
  const auto index = [&](const std::string& name) {
    for (std::size_t i = 0; i < backends.size(); ++i)
      if (backends[i]->name() == name) return i;
    return no_backend;
  };
  for (const FrontendOptions& f : frontend_options) {
    Frontend& frontend = *frontends.emplace_back(std::make_shared<Frontend>(f));
    frontend.backends.assign(backends.begin(), backends.end());
    frontend.rules.frontend = f.name;
    if (!f.default_backend.empty()) frontend.rules.default_backend = index(f.default_backend);
    for (const UseBackendOptions& use : f.use_backend) frontend.rules.rules.push_back({compile(use.condition), index(use.backend)});
  }
}

void Plan::bind(const Plan* previous, base::TimePoint now) {
  for (const auto& backend : backends) {
    if (const Backend* before = previous ? previous->find_backend(backend->name()) : nullptr) backend->state = before->state;
    else backend->state = std::make_shared<BackendState>(backend->name(), backend->options.queue.max_waiting, policy_of(backend->options.balance), workers, now);
  }
  for (const auto& frontend : frontends) {
    if (previous)
      for (const auto& before : previous->frontends)
        if (before->options.name == frontend->options.name) frontend->state = before->state;
    if (!frontend->state) frontend->state = std::make_shared<FrontendState>(frontend->options.name, workers);
  }
}

const Backend* Plan::find_backend(std::string_view name) const {
  for (const auto& b : backends)
    if (b->name() == name) return b.get();
  return nullptr;
}

void check_references(config::Context& context, const std::vector<FrontendOptions>& frontends, std::vector<BackendOptions>& backends) {
  std::vector<std::string> names;
  for (BackendOptions& b : backends) {
    if (std::find(names.begin(), names.end(), b.name) != names.end()) context.problem(context.at(b.where, "name"), "a second backend \"" + b.name + "\"");
    names.push_back(b.name);
    for (const auto& [statuses, file] : b.error_pages) {
      auto text = context.read_file(file);
      if (!text) context.unreadable(context.at(b.where, "error_pages"), "the page " + file + " cannot be read: " + std::strerror(text.error()), text.error());
      b.error_page_texts.push_back(text ? std::move(*text) : std::string());
    }
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
