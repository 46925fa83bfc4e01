// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// The key of a request: scheme, host, class of Accept, path and query in canonical form, kept cookies. The method is not in it.
// Any thread.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "cachenode/policy.h"
#include "cachenode/purge_identity.h"
#include "cachenode/reasons.h"
#include "http/host.h"
#include "http/media_type.h"
#include "http/paths.h"
#include "observe/why.h"

namespace cachenode {

struct KeyInput {
  const http::RequestHead& head;
  std::string_view scheme;          // effective: from a trusted peer, else the listener's
  std::string_view forwarded_host;  // X-Forwarded-Host of a trusted peer, empty if none
  std::string_view kept_cookies;
};

struct CacheKey {
  std::string key;          // empty: the host has no key form
  std::string host;         // in key form: what is forwarded as Host
  std::string query;        // canonical, as the key has it
  bool has_query = false;
  std::string fetch_target; // what the fetch asks for; empty: the request's own target
  PurgeIdentity purge;
};

namespace detail {

// The query without the parameters to be removed; `changed` says whether any was.
inline std::string kept_query(const KeyPolicy& policy, std::string_view query, bool& changed) {
  std::string out;
  bool first = true;
  base::split(query, '&', [&](std::string_view parameter) {
    const std::string name = http::percent_decode(parameter.substr(0, parameter.find('=')));
    for (const std::string& pattern : policy.remove_query) {
      if (!base::glob_match(pattern, name)) continue;
      changed = true;
      return;
    }
    if (!first) out += '&';
    first = false;
    out += parameter;
  });
  return out;
}

inline std::string sorted_query(std::string_view query) {
  std::vector<std::string_view> parameters;
  base::split(query, '&', [&](std::string_view parameter) { parameters.push_back(parameter); });
  std::sort(parameters.begin(), parameters.end());
  std::string out;
  for (const std::string_view parameter : parameters) {
    if (!out.empty()) out += '&';
    out += parameter;
  }
  return out;
}

inline std::string canonical(std::string_view text) {
  return text.find('%') == std::string_view::npos ? std::string(text) : http::canonical_form(text);
}

}  // namespace detail

template <observe::Why W>
CacheKey cache_key(const KeyPolicy& policy, const KeyInput& in, bool vhm, W& why) {
  CacheKey out;
  out.host = http::normal_host(in.head.host(), in.scheme);
  if (out.host.empty()) {
    why.because(reasons::plan_host);
    return out;
  }
  std::string_view raw_query = in.head.query();
  out.has_query = in.head.has_query();
  if (out.has_query && !policy.remove_query.empty()) {
    bool changed = false;
    std::string kept = detail::kept_query(policy, raw_query, changed);
    if (changed) {
      out.has_query = !kept.empty();
      out.fetch_target = in.head.path();
      if (out.has_query) (out.fetch_target += '?') += kept;
    }
    out.query = detail::canonical(kept);
  } else if (out.has_query) {
    out.query = detail::canonical(raw_query);
  }
  if (policy.sort_query && out.query.find('&') != std::string::npos) out.query = detail::sorted_query(out.query);

  const bool api = policy.accept_class && http::accept_class(in.head) == http::AcceptClass::api;
  why.considered(reasons::key_scheme, 0, 0, in.scheme);
  if (policy.accept_class) why.considered(reasons::key_class, 0, 0, api ? "api" : "page");
  out.key.reserve(in.scheme.size() + out.host.size() + in.head.target().size() + in.kept_cookies.size() + 24);
  out.key += in.scheme;
  out.key += '\n';
  out.key += out.host;
  out.key += api ? "\napi\n" : "\npage\n";
  const std::string_view path = in.head.path();
  if (path.find('%') == std::string_view::npos) out.key += path;
  else out.key += http::canonical_form(path);
  if (out.has_query) (out.key += '?') += out.query;
  if (!in.forwarded_host.empty() && in.forwarded_host != in.head.host()) {
    const std::string forwarded = http::normal_host(in.forwarded_host, in.scheme);
    if (forwarded != out.host) {
      why.considered(reasons::key_forwarded_host, 0, 0, in.forwarded_host);
      (out.key += "\nforwarded ") += forwarded;
    }
  }
  if (!in.kept_cookies.empty()) (out.key += "\ncookie ") += in.kept_cookies;
  out.purge = purge_identity(in.head.path(), out.host, vhm);
  return out;
}

}  // namespace cachenode
