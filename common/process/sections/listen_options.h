// SPDX-License-Identifier: BSD-2-Clause
// Where clients connect: what [[listen]] of webfront and cachenode and the balancer's frontends share. Values.
#pragma once

#include "config/option_table.h"
#include "process/sections/values.h"

namespace process {

// For config::embed into the daemon's own section; the balancer's word for address is `bind`: it uses the type only.
struct ListenOptions {
  std::vector<Address> address;
  std::uint32_t backlog = 4096;
};

}  // namespace process

template <> const config::Table<process::ListenOptions>& config::table_of<process::ListenOptions>();
