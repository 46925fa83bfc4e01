// SPDX-License-Identifier: BSD-2-Clause
// cachenode's sections as they stand in the file. Initialisers are the defaults; what decisions read is made of them by
// compile_policy(). Values.
#pragma once

#include "cachenode/policy.h"
#include "config/option_table.h"
#include "process/sections/limit_options.h"
#include "process/sections/listen_options.h"
#include "process/sections/log_options.h"
#include "process/sections/process_options.h"
#include "process/sections/values.h"

namespace cachenode {

struct ListenSection {
  config::Where where;
  process::ListenOptions common;
  process::Networks trusted_proxies;
};

struct OriginTimeoutSection {
  base::Duration connect = std::chrono::seconds(2);
  base::Duration first_byte = std::chrono::seconds(345);
  base::Duration between_bytes = std::chrono::seconds(50);
};
struct OriginQueueSection {
  std::uint32_t max_waiting = 1024;
  base::Duration timeout = std::chrono::seconds(30);
};
struct ProbeSection {
  config::Where where;
  std::string url = "/";
  std::string host;
  base::Duration interval = std::chrono::seconds(5);
  base::Duration timeout = std::chrono::seconds(2);
  std::uint32_t window = 8;
  std::uint32_t threshold = 3;
};
struct OriginSection {
  config::Where where;
  process::Address address;
  OriginTimeoutSection timeout;
  std::uint32_t max_connections = 1024;
  std::uint32_t keepalive = 64;
  base::Duration keepalive_timeout = std::chrono::seconds(60);
  OriginQueueSection queue;
  std::optional<ProbeSection> probe;
};

struct StorageSection {
  config::Where where;
  config::Size memory = 256ULL << 20;
  std::optional<config::Size> max_object;
};

struct QuerySection {
  bool sort = false;
  std::vector<std::string> remove;
};
struct KeySection {
  QuerySection query;
  bool accept_class = true;
};

struct DefaultsSection {
  base::Duration ttl{};
  base::Duration grace = std::chrono::seconds(60);
  base::Duration stale_if_error = std::chrono::hours(1);
  base::Duration keep = std::chrono::hours(1);
  base::Duration uncacheable_ttl = std::chrono::seconds(120);
  base::Duration error_ttl_max = std::chrono::seconds(10);
};

inline config::Words<OtherCookies> option_words(OtherCookies) { return {{"pass", OtherCookies::pass}, {"drop", OtherCookies::drop}}; }
struct AuthenticatedSection {
  std::vector<std::string> cookies;
  std::vector<std::string> fields;
};
struct IdentitySection {
  AuthenticatedSection authenticated;
  std::vector<std::string> keep_cookies;
  std::vector<std::string> ignore_cookies = IdentityPolicy{}.ignore_cookies;
  OtherCookies other_cookies = OtherCookies::pass;
};

inline config::Words<Directive> option_words(Directive) {
  return {{"must-revalidate", Directive::must_revalidate}, {"proxy-revalidate", Directive::proxy_revalidate}, {"s-maxage", Directive::s_maxage},
          {"private", Directive::private_}, {"no-store", Directive::no_store}, {"no-cache", Directive::no_cache},
          {"Set-Cookie", Directive::set_cookie}, {"X-Sendfile", Directive::sendfile}};
}
struct MatchSection {
  config::Where where;
  std::string path, prefix, regex;
  std::vector<std::string> host, method;
  std::string header;
  std::vector<int> status;
  std::string content_type, no_header;
};
struct RuleSection {
  config::Where where;
  std::string name;
  MatchSection match;
  std::optional<MatchSection> unless;
  bool share = false;
  bool pass = false;
  std::optional<base::Duration> ttl, override_ttl, grace, stale_if_error;
  std::optional<std::string> client_cache_control;
  std::vector<Directive> stale_override, ignore;
};

inline config::Words<InvalidateOn> option_words(InvalidateOn) {
  return {{"all", InvalidateOn::all}, {"authenticated", InvalidateOn::authenticated}};
}
struct PurgeSection {
  process::Networks allow;
  std::vector<std::string> methods{"PURGE"};
  bool vhm = true;
  base::Duration settle{};
  InvalidateOn invalidate = InvalidateOn::all;
  int not_found = 404;
};

enum class ClientSMaxage : std::uint8_t { keep, zero };
inline config::Words<ClientSMaxage> option_words(ClientSMaxage) { return {{"keep", ClientSMaxage::keep}, {"zero", ClientSMaxage::zero}}; }
struct HeadersSection {
  std::string cache_status = "cachenode";
  bool x_cache = true;
  ClientSMaxage client_s_maxage = ClientSMaxage::keep;
};

struct Options {
  process::ProcessOptions process;
  process::LogOptions log;
  process::LimitOptions limits;
  std::vector<ListenSection> listen;
  std::vector<std::pair<std::string, OriginSection>> origin;
  StorageSection storage;
  KeySection key;
  DefaultsSection defaults;
  IdentitySection identity;
  std::vector<RuleSection> rule;
  PurgeSection purge;
  HeadersSection headers;
  std::string via;
  std::uint32_t via_visits = 0;
  bool append_xff = false;
};

// What spans options: exactly one origin, expressions that compile, rules that make sense. Reports to the context.
void check_options(config::Context& context, const Options& options);
// `default_via`: received-by of Via where `via` is not set. The options were checked.
Policy compile_policy(const Options& options, const std::string& default_via);

}  // namespace cachenode

template <> const config::Table<cachenode::ListenSection>& config::table_of<cachenode::ListenSection>();
template <> const config::Table<cachenode::OriginTimeoutSection>& config::table_of<cachenode::OriginTimeoutSection>();
template <> const config::Table<cachenode::OriginQueueSection>& config::table_of<cachenode::OriginQueueSection>();
template <> const config::Table<cachenode::ProbeSection>& config::table_of<cachenode::ProbeSection>();
template <> const config::Table<cachenode::OriginSection>& config::table_of<cachenode::OriginSection>();
template <> const config::Table<cachenode::StorageSection>& config::table_of<cachenode::StorageSection>();
template <> const config::Table<cachenode::QuerySection>& config::table_of<cachenode::QuerySection>();
template <> const config::Table<cachenode::KeySection>& config::table_of<cachenode::KeySection>();
template <> const config::Table<cachenode::DefaultsSection>& config::table_of<cachenode::DefaultsSection>();
template <> const config::Table<cachenode::AuthenticatedSection>& config::table_of<cachenode::AuthenticatedSection>();
template <> const config::Table<cachenode::IdentitySection>& config::table_of<cachenode::IdentitySection>();
template <> const config::Table<cachenode::MatchSection>& config::table_of<cachenode::MatchSection>();
template <> const config::Table<cachenode::RuleSection>& config::table_of<cachenode::RuleSection>();
template <> const config::Table<cachenode::PurgeSection>& config::table_of<cachenode::PurgeSection>();
template <> const config::Table<cachenode::HeadersSection>& config::table_of<cachenode::HeadersSection>();
template <> const config::Table<cachenode::Options>& config::table_of<cachenode::Options>();
