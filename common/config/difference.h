// SPDX-License-Identifier: BSD-2-Clause
// What differs between two configurations, by key: items of lists are compared with the one that has the same name, address or
// matcher, not with the one at the same place. Pure; any thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/option_table.h"

namespace config {

struct Change {
  enum class Kind : std::uint8_t { added, removed, changed, order };
  Kind kind = Kind::changed;
  std::string key;             // `backend.plone.server.client1.maxconn`
  std::string before, after;   // as TOML; of sections empty
  Reload reload = Reload::rebuild;
};

struct Difference {
  std::vector<Change> changes;
  std::map<std::string, std::size_t> kept;  // sections without a change, by kind: `backend.server`
  bool needs_restart() const;
};

// Both trees were written by `table` (DaemonWith::effective_tree).
Difference difference(const TableBase& table, const Node& before, const Node& after);
// One line a change, one for what is kept.
std::string difference_text(const Difference& difference);

}  // namespace config
