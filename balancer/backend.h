// SPDX-License-Identifier: BSD-2-Clause
// What serves, made of the configuration once: backends with their admission book, servers, health and counters; frontends
// with their rules. Shared by all workers and the control thread; what changes is guarded by the backend's book or atomic.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "balancer/counters.h"
#include "balancer/may_retry.h"
#include "balancer/options.h"
#include "balancer/pick_backend.h"
#include "http/admission.h"

namespace balancer {

// The last result of a check, in HAProxy's words.
struct CheckResult {
  const char* status = "INI";  // L4OK, L7OK, L4CON, L4TOUT, L7TOUT, L7RSP, L7STS, SOCKERR
  int code = 0;                // HTTP status, 0 if there was none
  std::uint32_t duration_ms = 0;
  bool running = false;
};

struct Server {
  std::string name;      // as configured
  std::string full_name; // "backend/server"
  net::Address address;
  std::shared_ptr<const http::Endpoint> endpoint;
  bool checked = true;
  CounterSet counters;

  // Guarded by the backend's book (Admission::change and read).
  Health health;
  CheckResult check;
  base::TimePoint changed{};      // of state, for lastchg
  base::Duration downtime{};      // finished outages
  std::uint64_t check_failures = 0, went_down = 0;

  explicit Server(std::size_t workers) : counters(workers) {}
};

class Backend {
 public:
  Backend(const BackendOptions& options, const DefaultOptions& defaults, std::size_t workers, base::TimePoint now);

  const std::string& name() const { return options.name; }
  // The next check's rules; constant.
  HealthRules health_rules() const;
  bool any_up() const;

  const BackendOptions options;
  const base::Duration queue_timeout;
  const base::Duration server_timeout;
  const RetryRules retries;
  BalancePolicy policy;
  http::Admission book;        // row i is servers[i]
  std::deque<Server> servers;
  CookieRules cookie;
  std::optional<Condition> only_if;
  std::map<int, std::string> error_pages;
  CounterSet counters;
  Gauge sessions;
  const base::TimePoint started;
};

struct Frontend {
  Frontend(const FrontendOptions& options, std::size_t workers);
  const FrontendOptions options;
  const net::NetworkList& trusted;
  BackendRules rules;
  // Changed through the listener's const view.
  mutable CounterSet counters;
  mutable Gauge sessions;      // requests now
};

Condition compile(const ConditionOptions& options);

// Everything that workers and the control thread share.
class State {
 public:
  State(const DefaultOptions& defaults, const std::vector<FrontendOptions>& frontends, const std::vector<BackendOptions>& backends,
        std::size_t workers, base::TimePoint now);
  Backend* find_backend(std::string_view name);
  std::size_t workers() const { return workers_; }

  const DefaultOptions defaults;
  std::deque<Backend> backends;
  std::deque<Frontend> frontends;
  std::string via_name = "balancer";
  std::uint32_t via_visits = 0;

 private:
  std::size_t workers_;
};

// Problems that only the whole configuration shows: unknown names, error pages that cannot be read.
void check_references(config::Context& context, const std::vector<FrontendOptions>& frontends, const std::vector<BackendOptions>& backends);

}  // namespace balancer
