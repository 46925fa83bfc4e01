// SPDX-License-Identifier: BSD-2-Clause
// The balancer's commands on the admin socket, in HAProxy's words: Plone's restart scripts send them as they stand.
// Control thread.
#pragma once

#include <functional>

#include "balancer/backend.h"
#include "process/admin_registry.h"

namespace balancer {

class Checker;

struct AdminContext {
  State& state;
  std::function<Checker*()> checker;  // null before start
  std::function<base::TimePoint()> now;
  std::function<std::uint32_t()> connections;
  base::TimePoint started;
};

void add_commands(process::AdminRegistry& registry, std::shared_ptr<const AdminContext> context);

}  // namespace balancer
