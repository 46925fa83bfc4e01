// SPDX-License-Identifier: BSD-2-Clause
// The configuration as decisions read it: plain values, compiled once, constant afterwards. Any thread.
#pragma once

#include <re2/re2.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cachenode/freshness.h"
#include "http/head.h"

namespace cachenode {

enum class OtherCookies : std::uint8_t { pass, drop };

// Who is logged in (identity.h).
struct IdentityPolicy {
  std::vector<std::string> authenticated;   // cookie name patterns, '*' as wildcard
  std::vector<std::string> fields;          // names of further identity fields
  std::vector<std::string> ignore_cookies{"_ga*", "_gid", "_gat*", "_gcl_*", "_pk_*", "_fbp", "__utm*"};
  std::vector<std::string> keep_cookies;
  OtherCookies other_cookies = OtherCookies::pass;
};

struct KeyPolicy {
  bool sort_query = false;
  std::vector<std::string> remove_query;    // parameter name patterns
  bool accept_class = true;
};

// What a rule looks at; every part that is set must hold. status, content_type and no_header test the answer.
struct Match {
  std::string path;                         // whole public path
  std::string prefix;                       // whole segments of it
  std::shared_ptr<const re2::RE2> regex;    // on its match form
  std::vector<std::string> hosts;
  std::vector<std::string> methods;
  std::string header;                       // a request field that must be there
  std::vector<int> status;
  std::string content_type;                 // media type, or "text/*"
  std::string no_header;                    // a field that the answer must not have
  bool tests_answer() const { return !status.empty() || !content_type.empty() || !no_header.empty(); }
};

enum class Directive : std::uint8_t { must_revalidate, proxy_revalidate, s_maxage, private_, no_store, no_cache, set_cookie, sendfile };

struct Rule {
  std::string name;
  Match match;
  std::optional<Match> unless;
  bool share = false;
  bool pass = false;
  std::optional<Seconds> ttl, override_ttl, grace, stale_if_error;
  std::optional<std::string> client_cache_control;
  std::vector<Directive> stale_override, ignore;
  bool tests_answer() const { return match.tests_answer() || (unless && unless->tests_answer()); }
};

struct LifetimePolicy {
  Seconds ttl = 0;
  Seconds grace = 60;
  Seconds stale_if_error = 3600;
  Seconds keep = 3600;
  Seconds uncacheable_ttl = 120;
  Seconds error_ttl_max = 10;
};

enum class InvalidateOn : std::uint8_t { all, authenticated };

struct PurgePolicy {
  std::vector<std::string> methods{"PURGE"};
  bool vhm = true;
  Seconds settle_ms = 0;                    // milliseconds
  InvalidateOn invalidate = InvalidateOn::all;
  int not_found = 404;
};

struct Policy {
  std::string via_name;
  unsigned via_visits = 0;
  IdentityPolicy identity;
  KeyPolicy key;
  LifetimePolicy lifetime;
  std::vector<Rule> rules;
  PurgePolicy purge;
  bool zero_client_s_maxage = false;
  std::uint64_t max_object = 64ULL << 20;
};

constexpr bool has_directive(const std::vector<Directive>& list, Directive directive) {
  for (const Directive d : list)
    if (d == directive) return true;
  return false;
}

}  // namespace cachenode
