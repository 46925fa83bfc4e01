// SPDX-License-Identifier: BSD-2-Clause
// The balancer's commands on the admin socket, in HAProxy's words: Plone's restart scripts send them as they stand.
// Control thread.
#pragma once

#include <functional>
#include <memory>

#include "balancer/roster.h"
#include "process/admin_registry.h"

namespace balancer {

struct AdminContext {
  Roster& roster;
  std::function<base::TimePoint()> now;
  std::function<std::uint32_t()> connections;
  base::TimePoint started;
};
using Context = std::shared_ptr<const AdminContext>;

void add_commands(process::AdminRegistry& registry, Context context);
// Those that change servers (server_commands.cc).
void add_server_commands(process::AdminRegistry& registry, Context context);

}  // namespace balancer
