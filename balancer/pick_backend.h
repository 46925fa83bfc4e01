// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// Which backend serves a request: the first use_backend whose condition holds, else the frontend's default_backend.
#pragma once

#include <vector>

#include "balancer/condition.h"
#include "balancer/reasons.h"
#include "observe/why.h"

namespace balancer {

struct BackendRule {
  Condition condition;
  std::size_t backend = 0;
};

inline constexpr std::size_t no_backend = SIZE_MAX;

struct BackendRules {
  std::string frontend;
  std::vector<BackendRule> rules;
  std::size_t default_backend = no_backend;
};

template <observe::Why W>
std::size_t pick_backend(const BackendRules& rules, const RequestView& request, W& why) {
  for (std::size_t i = 0; i < rules.rules.size(); ++i) {
    const char* failed = rules.rules[i].condition.fails(request);
    if (!failed) {
      why.because(reason::use_backend, static_cast<std::int64_t>(i + 1), 0, rules.frontend);
      return rules.rules[i].backend;
    }
    why.considered(reason::rule_differs, static_cast<std::int64_t>(i + 1), 0, failed);
  }
  if (rules.default_backend == no_backend) why.because(reason::no_backend, 0, 0, rules.frontend);
  else why.because(reason::default_backend, 0, 0, rules.frontend);
  return rules.default_backend;
}

}  // namespace balancer
