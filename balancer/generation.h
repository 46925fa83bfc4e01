// SPDX-License-Identifier: BSD-2-Clause
// The balancer's generation: a bound plan, and what the workers should let go when they take it. Immutable once committed.
#pragma once

#include "balancer/backend.h"
#include "process/generation.h"

namespace balancer {

struct Generation final : process::Generation {
  explicit Generation(std::shared_ptr<const Plan> from) : plan(std::move(from)) {}
  const std::shared_ptr<const Plan> plan;
  std::vector<std::shared_ptr<const http::Endpoint>> gone;  // servers that the one before used and this one does not
};

}  // namespace balancer
