// SPDX-License-Identifier: BSD-2-Clause
// The balancer's configuration as its file says it. Plain structs; their initialisers are the defaults (rows: options.cc,
// backend_options.cc). What serves is made of it by plan.h. Immutable after loading; any thread.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "balancer/health_after.h"
#include "balancer/pick_server.h"
#include "balancer/sticky.h"
#include "config/option_table.h"
#include "process/sections/log_options.h"
#include "process/sections/process_options.h"
#include "process/sections/values.h"

namespace balancer {

using namespace std::chrono_literals;

enum class RetryOn : std::uint8_t { conn_failure, empty_response };
inline config::Words<RetryOn> option_words(RetryOn) { return {{"conn-failure", RetryOn::conn_failure}, {"empty-response", RetryOn::empty_response}}; }
inline config::Words<Balance> option_words(Balance) { return {{"roundrobin", Balance::roundrobin}, {"leastconn", Balance::leastconn}}; }
inline config::Words<InsertOn> option_words(InsertOn) { return {{"uncacheable", InsertOn::uncacheable}, {"always", InsertOn::always}}; }
enum class CookieMode : std::uint8_t { insert };
inline config::Words<CookieMode> option_words(CookieMode) { return {{"insert", CookieMode::insert}}; }
enum class CheckType : std::uint8_t { http, tcp };
inline config::Words<CheckType> option_words(CheckType) { return {{"http", CheckType::http}, {"tcp", CheckType::tcp}}; }
enum class ObserveAction : std::uint8_t { fastinter };
inline config::Words<ObserveAction> option_words(ObserveAction) { return {{"fastinter", ObserveAction::fastinter}}; }
enum class OnAbort : std::uint8_t { wait, close };
inline config::Words<OnAbort> option_words(OnAbort) { return {{"wait", OnAbort::wait}, {"close", OnAbort::close}}; }

struct ConditionOptions {
  config::Where where;
  std::string path, prefix, regex, user_agent;
  std::vector<std::string> host, method, header, cookie;
};

struct TimeoutOptions {
  base::Duration connect = 2s, client = 120s, server = 300s, between_bytes = 40s, queue = 30s, http_request = 10s, tunnel = 1h;
};
struct RetryOptions {
  std::uint32_t count = 2;
  std::vector<RetryOn> on{RetryOn::conn_failure, RetryOn::empty_response};
};
struct DefaultOptions {
  TimeoutOptions timeout;
  config::Size min_body_rate = 250, min_write_rate = 250;  // bytes a second
  RetryOptions retries;
};

struct UseBackendOptions {
  config::Where where;
  std::string backend;
  ConditionOptions condition;
};
struct FrontendOptions {
  config::Where where;
  std::string name;
  std::vector<process::Address> bind;
  process::Networks trusted_proxies;
  std::optional<std::uint32_t> maxconn;
  std::optional<std::string> health;
  bool append_xff = false;
  std::string default_backend;
  std::vector<UseBackendOptions> use_backend;
};

struct CookieOptions {
  std::string name;
  CookieMode mode = CookieMode::insert;
  InsertOn insert_on = InsertOn::uncacheable;
  bool indirect = false, httponly = true, secure = false;
  std::string path = "/", domain, samesite;
  std::optional<ConditionOptions> only_if;
};
struct QueueOptions {
  std::uint32_t max_waiting = 1024;
  std::optional<base::Duration> timeout;
  bool abort_on_client_close = true;
};
struct CheckRequestOptions {
  std::string method = "GET", uri = "/", host;
  bool operator==(const CheckRequestOptions&) const = default;
};
struct CheckExpectOptions {
  std::vector<std::string> status{"2xx", "3xx"};
  bool operator==(const CheckExpectOptions&) const = default;
};
struct CheckIntervalOptions {
  base::Duration up = 2s, down = 1s, change = 1s;
  bool operator==(const CheckIntervalOptions&) const = default;
};
struct ObserveOptions {
  std::uint32_t layer = 4, errors = 10;
  ObserveAction action = ObserveAction::fastinter;
  bool operator==(const ObserveOptions&) const = default;
};
struct CheckOptions {
  CheckType type = CheckType::http;
  CheckRequestOptions request;
  CheckExpectOptions expect;
  CheckIntervalOptions interval;
  base::Duration timeout = 4s;
  std::uint32_t rise = 2, fall = 3;
  ObserveOptions observe;
  bool operator==(const CheckOptions&) const = default;
};
struct ServerDefaultOptions {
  std::optional<std::uint32_t> maxconn;
  std::uint32_t weight = 1;
  bool check = true;
  OnAbort on_abort = OnAbort::wait;
};
struct ServerOptions {
  config::Where where;
  std::string name;
  process::Address address;
  std::optional<std::uint32_t> maxconn, weight;
  std::optional<bool> check;
  std::optional<OnAbort> on_abort;
};
struct BackendOptions {
  config::Where where;
  std::string name;
  Balance balance = Balance::roundrobin;
  std::optional<CookieOptions> cookie;
  QueueOptions queue;
  std::optional<CheckOptions> check = CheckOptions{};
  ServerDefaultOptions server_defaults;
  std::vector<ServerOptions> server;
  std::vector<std::pair<std::string, std::string>> error_pages;
  std::vector<std::string> error_page_texts;   // one each; read with the configuration (check_references)
};

struct StatsOptions {
  process::Address address;
  std::string uri = "/";
};

// The whole file.
struct Options {
  config::Where where;
  process::ProcessOptions process;
  process::LogOptions log;
  std::optional<StatsOptions> stats;
  std::string state;             // file of the run-time state; empty: none
  std::string via;               // empty: `balancer-` and six digits of the machine and the configuration's path
  std::uint32_t via_visits = 0;
  DefaultOptions defaults;
  std::vector<FrontendOptions> frontend;
  std::vector<BackendOptions> backend;
};

}  // namespace balancer

#define BALANCER_SECTION(type) template <> const config::Table<balancer::type>& config::table_of<balancer::type>()
BALANCER_SECTION(ConditionOptions);
BALANCER_SECTION(TimeoutOptions);
BALANCER_SECTION(RetryOptions);
BALANCER_SECTION(DefaultOptions);
BALANCER_SECTION(UseBackendOptions);
BALANCER_SECTION(FrontendOptions);
BALANCER_SECTION(CookieOptions);
BALANCER_SECTION(QueueOptions);
BALANCER_SECTION(CheckRequestOptions);
BALANCER_SECTION(CheckExpectOptions);
BALANCER_SECTION(CheckIntervalOptions);
BALANCER_SECTION(ObserveOptions);
BALANCER_SECTION(CheckOptions);
BALANCER_SECTION(ServerDefaultOptions);
BALANCER_SECTION(ServerOptions);
BALANCER_SECTION(BackendOptions);
BALANCER_SECTION(StatsOptions);
BALANCER_SECTION(Options);
