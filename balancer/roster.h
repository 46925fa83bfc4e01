// SPDX-License-Identifier: BSD-2-Clause
// The hand that changes who serves. A reload and a command are the same thing: what the configuration and the overrides want of a backend
// is compared with its servers, and the difference is applied row by row; whatever is wanted as it is keeps its state. First what
// grows; what is wanted no more leaves afterwards, when nobody begins anything with it. Control thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "balancer/backend.h"
#include "balancer/overrides.h"
#include "observe/error_log.h"

namespace balancer {

class Checker;

class Roster {
 public:
  using Endpoints = std::vector<std::shared_ptr<const http::Endpoint>>;
  struct Tools {
    std::function<base::TimePoint()> now;
    std::function<std::int64_t()> wall;  // seconds
    // Runtime::bury.
    std::function<void(std::shared_ptr<void> state, std::function<bool()> in_use, std::function<void()> last)> bury;
    std::function<void(const Endpoints&)> forget = {};                              // has all workers forget them
    std::function<void(observe::Level, const std::string&)> log = {};
    std::function<void()> changed = {};                                             // overrides: they should be kept
  };
  explicit Roster(Tools tools) : tools_(std::move(tools)) {}
  void set_checker(Checker* checker) { checker_ = checker; }
  // Those of the state file, before the first commit.
  void set_overrides(Overrides overrides) { overrides_ = std::move(overrides); }
  const Overrides& overrides() const { return overrides_; }
  const std::shared_ptr<const Plan>& plan() const { return plan_; }

  // A bound plan will serve: servers are added and changed, checks begin. What nobody should keep connections to.
  Endpoints commit(std::shared_ptr<const Plan> next);
  // All workers serve by the plan that was committed: what only `before` had goes.
  void settle(const Plan& before);

  // "backend/server". Null: there is none, and `problem` says so in HAProxy's words.
  struct Found {
    const Backend* backend = nullptr;
    Server* server = nullptr;
  };
  Found find(std::string_view name, std::string& problem) const;
  // Commands; the answer says what was wrong, empty: done. They last until the configured value changes.
  void set_admin(const Found& at, http::AdminState wanted);
  void set_weight(const Found& at, std::uint32_t weight);
  void set_weight_percent(const Found& at, std::uint32_t percent);
  void set_limit(const Found& at, std::uint32_t limit);
  void set_address(const Found& at, const net::Address& address);
  std::string add(std::string_view name, const Override::Added& server);
  std::string remove(const Found& at);

 private:
  struct Wanted {
    ServerPlan plan;
    Override set;
    bool added = false;
  };
  std::vector<Wanted> wanted_of(const Backend& backend);
  Override prune(const ServerPlan& configured);
  void forget_strangers();
  void reconcile(const Backend& backend, Endpoints& gone);
  std::shared_ptr<Server> add_server(const Backend& backend, const Wanted& wanted);
  void edit_server(const Backend& backend, Server& server, const Wanted& wanted, Endpoints& gone);
  void shrink(const Backend& backend);
  void leave(const std::shared_ptr<BackendState>& state, const std::shared_ptr<Server>& server);
  void changed(const Backend& backend);
  template <class F>
  void override_of(const Found& at, F&& set);
  void say(observe::Level level, const std::string& what) const {
    if (tools_.log) tools_.log(level, what);
  }

  Tools tools_;
  Checker* checker_ = nullptr;
  std::shared_ptr<const Plan> plan_;
  Overrides overrides_;
  bool dropped_ = false;  // overrides, since it was last asked
};

}  // namespace balancer
