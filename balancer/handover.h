// SPDX-License-Identifier: BSD-2-Clause
// What the next process of an upgrade is told: what administrators changed, and the health of servers, so that none starts as if nothing
// were known of it. Control thread.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "balancer/backend.h"
#include "balancer/overrides.h"

namespace balancer {

struct KnownHealth {
  std::string address;
  Health health;
  bool out = false;  // a connect was refused and no check has succeeded since
};
struct Handover {
  std::optional<Overrides> overrides;                       // nothing: they made no sense
  std::map<std::string, KnownHealth, std::less<>> servers;  // by "backend/server"
};

std::string handover_text(const Plan& plan, const Overrides& overrides);
// What makes no sense is left out: checks find out, and the state file may know more.
Handover parse_handover(std::string_view text);
// Of servers that checks look after in both processes, at the same address.
void apply(const Handover& known, const Plan& plan, base::TimePoint now);

}  // namespace balancer
