// SPDX-License-Identifier: BSD-2-Clause
// The mutable index row of one key, and the shard that holds it. Everything here is under the shard's mutex.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "base/list.h"
#include "cachenode/store/flight.h"
#include "cachenode/store/store.h"

namespace cachenode::store {

struct LruTag {};
struct GroupTag {};

struct Row;
// All rows of one purge identity's path.
struct Group {
  std::string path;
  base::List<Row, GroupTag> rows;
};

struct Row : base::ListLink<LruTag>, base::ListLink<GroupTag> {
  std::string key;
  std::string host;
  std::string query;
  bool has_query = false;
  std::uint64_t hash = 0;
  std::uint64_t charged = 0;
  Group* group = nullptr;
  std::vector<Ref<Head>> variants;   // the last stored first
  std::vector<Ref<Flight>> flights;
  std::string vary_names;            // of the last answer: flights of other variants need not wait for each other
  base::TimePoint touched{};
  base::TimePoint marker_until{};
  const base::ReasonRow* marker_why = nullptr;
  base::TimePoint failed_until{};    // the last fetch failed: stale use without asking again
  std::uint64_t checked = 0;         // invalidation number its variants were last checked against
};

// Is the row what an invalidation of this host (empty: every) and query (if it names one) means?
inline bool concerns(const Row& row, std::string_view host, bool has_query, std::string_view query) {
  if (!host.empty() && row.host != host) return false;
  return !has_query || (row.has_query && row.query == query);
}

struct HashedKey {
  std::string_view key;
  std::uint64_t hash;
  bool operator==(const HashedKey& other) const { return hash == other.hash && key == other.key; }
};
struct HashedKeyHash {
  std::size_t operator()(const HashedKey& k) const { return static_cast<std::size_t>(k.hash); }
};
struct PathHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view path) const { return static_cast<std::size_t>(base::seeded_hash(path)); }
};

// An invalidation whose effect has not reached all application servers yet.
struct Settling {
  std::string path, host, query;
  bool has_query = false;
  base::TimePoint until{};
  std::uint64_t number = 0;
};

struct Store::Shard {
  std::mutex mutex;
  std::unordered_map<HashedKey, std::unique_ptr<Row>, HashedKeyHash> rows;
  std::unordered_map<std::string_view, std::unique_ptr<Group>, PathHash> groups;
  base::List<Row, LruTag> lru;       // the longest unused first
  std::vector<Settling> settling;
  // When more settle than are remembered: fetches that begin before are kept no longer than this.
  base::TimePoint settle_all_until{};
};

}  // namespace cachenode::store
