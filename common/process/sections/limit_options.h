// SPDX-License-Identifier: BSD-2-Clause
// [limits]: what clients may send and how long they may take. Values.
#pragma once

#include "config/option_table.h"
#include "http/http1_server.h"

namespace process {

struct LimitOptions {
  config::Size header_size = 16 * 1024;
  std::uint32_t header_count = 100;
  config::Size target_size = 8 * 1024;
  config::Size body_size = 256ULL << 20;
  config::Size buffers = 256ULL << 20;            // per process
  base::Duration handshake_timeout = std::chrono::seconds(10);
  base::Duration header_timeout = std::chrono::seconds(10);
  base::Duration body_timeout = std::chrono::seconds(60);
  std::optional<base::Duration> idle_timeout;     // nullopt: by daemon
  base::Duration write_timeout = std::chrono::seconds(60);
  config::Size min_body_rate = 250;              // bytes a second
  config::Size min_write_rate = 250;
  base::Duration tunnel_timeout = std::chrono::hours(1);
};

// The engine's options; `idle` is the daemon's default idle time.
http::ServerOptions server_options(const LimitOptions& limits, base::Duration idle);

}  // namespace process

template <> const config::Table<process::LimitOptions>& config::table_of<process::LimitOptions>();
