// SPDX-License-Identifier: BSD-2-Clause
// Options of the process at the top of each daemon's file. Put into the daemon's root with config::embed. Values.
#pragma once

#include "config/option_table.h"
#include "process/sections/admin_options.h"
#include "process/sections/values.h"

namespace process {

struct ProcessOptions {
  std::string user;                                  // empty: whoever started it
  std::optional<std::uint32_t> workers;              // nullopt: one a core
  base::Duration shutdown_timeout = std::chrono::seconds(30);
  AdminDoors admin;                                  // empty: no admin socket
  Address metrics;
  std::uint32_t worker_count() const;                // at least 1
};

}  // namespace process

template <> const config::Table<process::ProcessOptions>& config::table_of<process::ProcessOptions>();
