// SPDX-License-Identifier: BSD-2-Clause
// A configuration as webfront serves by it: what was compiled, bound to what outlives configurations. Upstream servers are known by
// upstream and address and kept while their options are the same; books by upstream or route; turns by upstream; durations by labels.
// A generation is immutable once workers have it. State: control thread.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "http/admission.h"
#include "observe/metrics.h"
#include "process/generation.h"
#include "process/handover_link.h"
#include "webfront/compile.h"

namespace process {
class Runtime;
}

namespace webfront {

// Whose turn it is among an upstream's servers: every worker has its own.
class Turns {
 public:
  explicit Turns(std::size_t workers) : next_(workers) {
    for (std::size_t i = 0; i < workers; ++i) next_[i].value = i;
  }
  std::size_t take(std::size_t worker) { return next_[worker].value++; }

 private:
  struct alignas(64) Next {
    std::size_t value;
  };
  std::vector<Next> next_;
};

// By status / 100; 0: none was sent. Lives as long as the metrics.
using Durations = std::array<observe::Histogram*, 6>;

struct BoundUpstream {
  std::vector<std::shared_ptr<const http::Endpoint>> servers;
  std::shared_ptr<http::Admission> book;  // null: no limit
  std::shared_ptr<Turns> turns;
};

struct Generation final : process::Generation {
  std::shared_ptr<const Compiled> compiled;
  std::vector<BoundUpstream> upstreams;                       // as compiled->upstreams
  std::vector<std::shared_ptr<http::Admission>> route_queues; // as compiled->route_queues
  std::vector<const Durations*> durations;                    // by Route::number; the last: no route
  std::vector<std::shared_ptr<const http::Endpoint>> gone;    // servers that only the generation before has

  const Durations& durations_of(const Route* route) const { return *durations[route ? route->number : compiled->routes]; }
};

// What outlives generations. It holds nothing itself but the durations: what no generation and no exchange holds any more is gone.
class State {
 public:
  explicit State(std::size_t workers) : workers_(workers) {}
  // `previous`: the generation that serves, null at the start. Nothing that serves is touched.
  std::unique_ptr<Generation> bind(std::shared_ptr<const Compiled> compiled, const Generation* previous);
  // The generation will serve: its limits hold, its requests are counted.
  void commit(Generation& next, observe::Metrics& metrics, base::TimePoint now);
  // Those that somebody holds, by a key that another process of the same configuration has, too.
  process::HandoverBooks books() const;
  // Books that only `before` has are buried; those that came back before they were gone are not.
  static void settle(const Generation& next, const Generation& before, process::Runtime& runtime);

 private:
  std::shared_ptr<http::Admission> book(const std::string& key, const std::string& name, const QueueRule& rule);
  std::shared_ptr<Turns> turns(const std::string& upstream);
  const Durations* durations(observe::Metrics& metrics, const std::string& site, const std::string& route);

  std::size_t workers_;
  std::map<std::string, std::weak_ptr<http::Admission>> books_;
  std::map<std::string, std::weak_ptr<Turns>> turns_;
  std::map<std::pair<std::string, std::string>, Durations> durations_;
};

}  // namespace webfront
