// SPDX-License-Identifier: BSD-2-Clause
#include "process/sections/listen_options.h"

template <>
const config::Table<process::ListenOptions>& config::table_of<process::ListenOptions>() {
  using O = process::ListenOptions;
  static const Table<O> table("A place where clients connect.", {
    option("address", &O::address, "Addresses: `host:port`, `[v6]:port`, `*:port`, `unix:/path`. Port 0 takes a free one; `--ready` tells which.")
        .required().not_empty().example("\"127.0.0.1:8080\""),
    option("backlog", &O::backlog, "Connections that the kernel may hold before they are accepted; not above `net.core.somaxconn`.").range(1, 65535).live(),
  });
  return table;
}
