// SPDX-License-Identifier: BSD-2-Clause
// What tests of the balancer share: a configuration read from text, a roster whose dead wait in a graveyard that the test looks after.
#pragma once

#include <catch2/catch.hpp>

#include "balancer/generation.h"
#include "balancer/roster.h"
#include "config/loader.h"

namespace balancer_test {

inline balancer::Options read(const std::string& text) {
  config::Context context;
  balancer::Options options;
  config::load_text(context, "test.toml", text);
  const bool well = config::read_root(context, options);
  balancer::check_references(context, options.frontend, options.backend);
  INFO(context.render_all());
  REQUIRE((well && !context.failed()));
  return options;
}

// As the process's graveyard, without workers.
struct Graves {
  struct Grave {
    std::shared_ptr<void> state;
    std::function<bool()> in_use;
    std::function<void()> last;
  };
  std::vector<Grave> graves;
  void look() {
    for (bool again = true; again;) {
      again = false;
      for (std::size_t i = 0; i < graves.size(); ++i) {
        if (graves[i].state.use_count() > 1 || (graves[i].in_use && graves[i].in_use())) continue;
        const Grave grave = std::move(graves[i]);
        graves.erase(graves.begin() + static_cast<std::ptrdiff_t>(i));
        if (grave.last) grave.last();
        again = true;
        break;
      }
    }
  }
};

struct Bench {
  explicit Bench(std::function<base::TimePoint()> now) : roster({.now = std::move(now),
                                                                 .wall = [this] { return wall; },
                                                                 .bury = [this](auto state, auto in_use, auto last) {
                                                                   graves.graves.push_back({std::move(state), std::move(in_use), std::move(last)});
                                                                 },
                                                                 .forget = [this](const auto& endpoints) { forgotten.insert(forgotten.end(), endpoints.begin(), endpoints.end()); },
                                                                 .log = [this](observe::Level, const std::string& text) { (log += text) += '\n'; },
                                                                 .changed = [this] { ++changes; }}) {}
  std::shared_ptr<balancer::Plan> compile(const balancer::Options& options, std::size_t workers = 1) {
    auto plan = std::make_shared<balancer::Plan>(options.defaults, options.frontend, options.backend, workers);
    plan->bind(roster.plan().get(), {});
    return plan;
  }
  // The generation that serves next; settled at once if `settle`.
  std::shared_ptr<balancer::Generation> commit(const std::shared_ptr<const balancer::Plan>& plan, bool settle = true) {
    const auto before = roster.plan();
    auto next = std::make_shared<balancer::Generation>(plan);
    next->gone = roster.commit(plan);
    for (const auto& frontend : plan->frontends) next->views.push_back(frontend);
    if (before && settle) roster.settle(*before);
    return next;
  }
  std::int64_t wall = 1'000'000;
  Graves graves;
  balancer::Roster::Endpoints forgotten;
  std::string log;
  int changes = 0;
  balancer::Roster roster;
};

}  // namespace balancer_test
