// SPDX-License-Identifier: BSD-2-Clause
// Store: what goes before its time, by an invalidation or for want of room.
#include <algorithm>

#include "cachenode/store/row.h"

namespace cachenode::store {

namespace {

constexpr std::size_t rows_an_eviction = 8;

}  // namespace

std::size_t Store::invalidate(const Invalidation& what, base::Duration settle, base::TimePoint now) {
  Shard& shard = shard_of(what.path);
  std::vector<Ref<Head>> removed;
  {
    const std::lock_guard lock(shard.mutex);
    const std::uint64_t number = number_.fetch_add(1) + 1;
    const auto at = shard.groups.find(what.path);
    if (at != shard.groups.end()) {
      std::vector<Row*> rows;
      for (Row* row = at->second->rows.first(); row; row = at->second->rows.next(*row))
        if (concerns(*row, what.host, what.has_query, what.query)) rows.push_back(row);
      for (Row* row : rows) {
        for (auto& head : row->variants) removed.push_back(std::move(head));
        row->variants.clear();
        row->marker_until = {};
        row->checked = number;
        for (auto& flight : row->flights) {
          flight->invalidated_ = true;
          flight->joinable_.store(false, std::memory_order_relaxed);
        }
        drop_if_empty(shard, *row);
      }
    }
    if (settle > base::Duration::zero()) {
      std::erase_if(shard.settling, [&](const Settling& s) {
        return s.until <= now || (s.path == what.path && s.host == what.host && s.has_query == what.has_query && s.query == what.query);
      });
      if (shard.settling.size() >= settling_a_shard) {
        shard.settle_all_until = std::max(shard.settle_all_until, now + settle);
      } else {
        shard.settling.push_back({std::string(what.path), std::string(what.host), std::string(what.query), what.has_query, now + settle, number});
      }
    }
  }
  objects_.fetch_sub(removed.size(), std::memory_order_relaxed);
  invalidated_.fetch_add(removed.size(), std::memory_order_relaxed);
  return removed.size();
}

bool Store::evict_some() {
  const std::size_t start = next_shard_.fetch_add(1, std::memory_order_relaxed);
  for (std::size_t i = 0; i < shard_count; ++i) {
    Shard& shard = *shards_[(start + i) % shard_count];
    std::vector<Ref<Head>> gone;
    std::size_t rows = 0;
    {
      const std::lock_guard lock(shard.mutex);
      for (std::size_t n = 0; n < rows_an_eviction; ++n) {
        Row* row = shard.lru.first();
        if (!row) break;
        static_cast<base::ListLink<LruTag>*>(row)->unlink();
        if (!row->flights.empty() && row->variants.empty()) {
          shard.lru.push_back(*row);  // only a fetch in progress: nothing to win
          continue;
        }
        ++rows;
        for (auto& head : row->variants) {
          head->evicted(pinned_);
          gone.push_back(std::move(head));
        }
        row->variants.clear();
        row->marker_until = {};
        if (!row->flights.empty()) shard.lru.push_back(*row);
        drop_if_empty(shard, *row);
      }
    }
    if (rows == 0) continue;
    objects_.fetch_sub(gone.size(), std::memory_order_relaxed);
    evicted_.fetch_add(gone.size(), std::memory_order_relaxed);
    return true;
  }
  return false;
}

bool Store::shrink(std::size_t steps) {
  for (std::size_t step = 0; step < steps; ++step) {
    if (budget_.used() <= budget_.limit()) return true;
    if (evict_some()) continue;
    while (blocks_.trim()) {}
    return true;
  }
  return budget_.used() <= budget_.limit();
}

}  // namespace cachenode::store
