// SPDX-License-Identifier: BSD-2-Clause
// One configuration compiled: backends and frontends with their rules, bound to the state that outlives them (state.h). Immutable
// once bound; shared by all workers and the control thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "balancer/may_retry.h"
#include "balancer/options.h"
#include "balancer/pick_backend.h"
#include "balancer/state.h"
#include "http/access_log.h"

namespace balancer {

// A server as the configuration, or a command, wants it.
struct ServerPlan {
  std::string name;
  std::string full_name;  // "backend/server"
  net::Address address;
  std::uint32_t limit = 0, weight = 1;
  bool checked = true;
  std::uint32_t keepalive = 64;
  http::UpstreamOptions upstream;
};

class Backend : public std::enable_shared_from_this<Backend> {
 public:
  Backend(const BackendOptions& options, const DefaultOptions& defaults, std::size_t workers);

  const std::string& name() const { return options.name; }
  // The next check's rules; constant.
  HealthRules health_rules() const;
  bool any_up() const { return state->any_up(); }
  ServerPlan plan(const ServerOptions& server) const;

  const BackendOptions options;
  const TimeoutOptions timeout;
  const base::Duration queue_timeout;
  const base::Duration server_timeout;
  const RetryRules retries;
  const std::size_t workers;
  std::vector<ServerPlan> servers;
  CookieRules cookie;
  std::optional<Condition> only_if;
  std::map<int, std::string> error_pages;
  std::shared_ptr<BackendState> state;
};

struct Frontend : std::enable_shared_from_this<Frontend> {
  explicit Frontend(const FrontendOptions& options);
  const FrontendOptions options;
  const net::NetworkList& trusted;
  BackendRules rules;                                    // their indexes are of `backends`
  std::vector<std::shared_ptr<const Backend>> backends;
  std::shared_ptr<FrontendState> state;
};

// The whole configuration.
struct Plan {
  // Without state: see bind().
  Plan(const DefaultOptions& defaults, const std::vector<FrontendOptions>& frontends, const std::vector<BackendOptions>& backends, std::size_t workers);
  // Gives every backend and frontend the state of the same name in `previous`, or fresh state. Nothing that serves is changed.
  void bind(const Plan* previous, base::TimePoint now);
  const Backend* find_backend(std::string_view name) const;

  const DefaultOptions defaults;
  const std::size_t workers;
  std::vector<std::shared_ptr<Backend>> backends;
  std::vector<std::shared_ptr<Frontend>> frontends;
  std::string via_name = "balancer";
  std::uint32_t via_visits = 0;
  std::shared_ptr<const http::AccessFormat> format;
};

Condition compile(const ConditionOptions& options);

// Problems that only the whole configuration shows: unknown names, error pages that cannot be read; the texts of pages are kept.
void check_references(config::Context& context, const std::vector<FrontendOptions>& frontends, std::vector<BackendOptions>& backends);

}  // namespace balancer
