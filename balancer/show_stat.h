// SPDX-License-Identifier: BSD-2-Clause
// The state of everything as rows of named columns: `show stat` in HAProxy's CSV (column order kept: scripts find columns by
// index), and what the status page and the metrics show. Control thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "balancer/backend.h"

namespace balancer {

class StatRow {
 public:
  StatRow();
  void set(std::string_view column, std::string value);
  void set(std::string_view column, std::uint64_t value) { set(column, std::to_string(value)); }
  const std::string& get(std::string_view column) const;
  const std::vector<std::string>& values() const { return values_; }
  static const std::vector<std::string_view>& columns();

 private:
  std::vector<std::string> values_;
};

std::vector<StatRow> stat_rows(const Plan& plan, base::TimePoint now);
// With the header line.
std::string stat_csv(const std::vector<StatRow>& rows);
std::string stat_json(const std::vector<StatRow>& rows);
// `show servers state`; an empty name: all backends.
std::string servers_state(const Plan& plan, std::string_view backend, base::TimePoint now);
// HAProxy's word for the `status` column.
std::string server_status(const http::ServerRow& row, const Health& health, const HealthRules& rules);

}  // namespace balancer
