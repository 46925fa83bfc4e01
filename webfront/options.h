// SPDX-License-Identifier: BSD-2-Clause
// webfront's configuration as it is written: plain structs whose initialisers are the defaults. options.cc and route_options.cc hold
// their tables, compile.h makes sites and routes of them. Values.
#pragma once

#include "config/option_table.h"
#include "process/sections/limit_options.h"
#include "process/sections/listen_options.h"
#include "process/sections/log_options.h"
#include "process/sections/process_options.h"
#include "process/sections/tls_options.h"
#include "webfront/route_options.h"

namespace webfront {

enum class ListenProtocol { http1, http2 };
inline config::Words<ListenProtocol> option_words(ListenProtocol) { return {{"http/1.1", ListenProtocol::http1}, {"h2", ListenProtocol::http2}}; }

struct ListenOptions {
  config::Where where;
  process::ListenOptions common;
  process::TlsChoice tls;
  std::vector<ListenProtocol> protocols;  // empty: h2 and http/1.1 with TLS, http/1.1 without
  std::optional<process::Networks> trusted_proxies;  // nullopt: the process's
};

struct UpstreamTimeouts {
  base::Duration connect = std::chrono::seconds(1);
  base::Duration first_byte = std::chrono::seconds(380);
  base::Duration between_bytes = std::chrono::seconds(60);
  base::Duration write = std::chrono::seconds(60);
};

struct UpstreamOptions {
  config::Where where;
  std::vector<process::Address> servers;
  std::uint32_t keepalive = 64;
  base::Duration keepalive_timeout = std::chrono::seconds(60);
  UpstreamTimeouts timeout;
  std::optional<QueueOptions> queue;
};

enum class Scheme { http, https };
inline config::Words<Scheme> option_words(Scheme) { return {{"http", Scheme::http}, {"https", Scheme::https}}; }

struct SiteOptions {
  config::Where where;
  std::vector<std::string> names;
  std::vector<Scheme> on;  // empty: both
  HeaderOptions headers;
  std::vector<std::pair<std::string, std::string>> error_pages;  // "502,503" → file
  std::vector<RouteOptions> route;
};

struct Options {
  config::Where where;
  process::ProcessOptions process;
  process::Networks trusted_proxies;
  process::Networks debug_from;
  std::string via;                 // empty: drawn from machine and configuration
  std::uint32_t via_visits = 0;
  process::LogOptions log;
  process::LimitOptions limits;
  std::vector<ListenOptions> listen;
  process::TlsSections tls;
  std::vector<std::pair<std::string, UpstreamOptions>> upstream;
  std::vector<SiteOptions> site;
};

}  // namespace webfront

template <> const config::Table<webfront::ListenOptions>& config::table_of<webfront::ListenOptions>();
template <> const config::Table<webfront::UpstreamTimeouts>& config::table_of<webfront::UpstreamTimeouts>();
template <> const config::Table<webfront::UpstreamOptions>& config::table_of<webfront::UpstreamOptions>();
template <> const config::Table<webfront::SiteOptions>& config::table_of<webfront::SiteOptions>();
template <> const config::Table<webfront::Options>& config::table_of<webfront::Options>();
