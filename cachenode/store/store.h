// SPDX-License-Identifier: BSD-2-Clause
// The memory store: rows by key in shards, each under one mutex, within which nothing blocks and nobody is called but the asker's
// pure judgements. A shard is chosen by purge identity, so an invalidation finds all keys, classes, queries and variants of a path
// under one lock. One shard's lock at a time. Owner: the daemon; any thread.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "cachenode/store/flight.h"
#include "cachenode/store/head.h"
#include "cachenode/use_stored.h"

namespace cachenode::store {

struct KeyParts {
  std::string_view key;         // cache_key.h
  std::string_view purge_path;  // purge_identity.h
  std::string_view host;        // in key form
  std::string_view query;
  bool has_query = false;
};

// The request at hand, as the store needs to know it. Called under the shard lock: pure, short.
class Asker {
 public:
  // This request's values of the fields named (lower case, ','): vary.h.
  virtual void selecting(std::string_view names, std::string& values) const = 0;
  // `just_failed`: the last fetch of this key failed less than a second ago.
  virtual Use judge(const Freshness& freshness, bool just_failed) const = 0;

 protected:
  ~Asker() = default;
};

enum class Intent : std::uint8_t {
  fetch,    // a miss leads or joins
  alone,    // a miss leads a flight that nobody joins: what was waited for could not be shared
  join,     // HEAD: may join what runs, starts nothing
  look,     // explain: changes nothing
};

struct Found {
  enum class Kind : std::uint8_t {
    hit,     // `head` may be sent
    load,    // the head is on disk: never answered by this store
    join,    // `flight` runs; `head`, if any, is stale
    lead,    // `flight` is new and the asker's to carry out; `head`, if any, is stale and may be validated
    marker,  // as lead, but nobody waits for it
    none,    // nothing usable, and the intent was not to fetch
    no_room, // nothing could be reserved for a row: pass
  };
  Kind kind = Kind::none;
  Ref<Head> head;
  Ref<Flight> flight;
  bool refresh = false;         // hit: `flight` is new; carry it out behind the answer
  const base::ReasonRow* miss = nullptr;         // miss_uri, miss_vary, miss_stale, miss_marker
  const base::ReasonRow* marker_why = nullptr;
};

struct Invalidation {
  std::string_view path;        // purge identity without host
  std::string_view host;        // empty: every host
  std::string_view query;
  bool has_query = false;
};

class Store final : private Evictor {
 public:
  struct Options {
    std::uint64_t memory = 256ULL << 20;      // bytes, everything counted
  };
  struct Totals {
    std::uint64_t objects = 0, rows = 0, flights = 0, used_bytes = 0, limit_bytes = 0, pinned_bytes = 0;
    std::uint64_t evicted = 0, invalidated = 0, stored = 0, discarded = 0, markers = 0;
  };
  Store(Options options, Doors& doors);
  ~Store();

  Found look_up(const KeyParts& parts, const Asker& asker, Intent intent, base::TimePoint now);

  // --- the fetch that carries a flight out; `self`: its worker ---
  Ref<Body> new_body(std::uint64_t expected);
  // Null when nothing can be reserved.
  Ref<Head> new_head(const http::ResponseHead& response, std::size_t vary_bytes);
  // The head is there and its body will be kept: joiners may stream. Removes a marker.
  void streaming(Flight& flight, Ref<Head> candidate, unsigned self);
  // The body is complete: the candidate takes the place of what it varies like. Returns null if it was kept, else why not.
  const base::ReasonRow* publish(Flight& flight, base::TimePoint now, unsigned self);
  // The answer is for the first client only. `marker`: how long look-ups go on without waiting for each other; 0: no marker.
  void uncacheable(Flight& flight, const base::ReasonRow& why, base::Duration marker, base::TimePoint now, unsigned self);
  // No answer, or an answer that broke off: what was there stays.
  void fail(Flight& flight, const base::Reason& why, int system, base::TimePoint now, unsigned self);
  // Nobody joins any more (too large, window).
  void close_to_newcomers(Flight& flight);

  // Everything of the identity goes; running fetches of it are not kept; for `settle`, fetches that begin are kept no longer
  // than that. Returns how many objects went.
  std::size_t invalidate(const Invalidation& what, base::Duration settle, base::TimePoint now);

  // The bound from now on. If it is less than what is used, shrink() until it says so.
  void set_memory(std::uint64_t bytes) { budget_.set_limit(bytes); }
  // Some steps of eviction; true when the bound holds, or nothing is left that could go (what is being read stays till then).
  bool shrink(std::size_t steps);

  Doors& doors() { return doors_; }
  Totals totals() const;
  std::uint64_t invalidation_number() const { return number_.load(); }

 private:
  static constexpr std::size_t shard_count = 64;
  static constexpr std::size_t variants_a_row = 64;
  static constexpr std::size_t settling_a_shard = 4096;
  struct Shard;
  bool evict_some() override;
  Shard& shard_of(std::string_view purge_path);
  Row* make_row(Shard& shard, const KeyParts& parts, std::uint64_t hash);
  Ref<Flight> make_flight(Shard& shard, Row& row, const Asker& asker, base::TimePoint now);
  void leave_row(Shard& shard, Flight& flight);
  void drop_if_empty(Shard& shard, Row& row);
  bool look_up_locked(Shard& shard, const KeyParts& parts, std::uint64_t hash, const Asker& asker, Intent intent, base::TimePoint now, Found& found);
  bool find_flight(Row& row, const Asker& asker, Found& found);
  bool reserve(std::uint64_t bytes);

  Doors& doors_;
  Budget budget_;
  Blocks blocks_;
  std::array<std::unique_ptr<Shard>, shard_count> shards_;
  std::atomic<std::uint64_t> number_{0};
  std::atomic<std::size_t> next_shard_{0};
  std::atomic<std::uint64_t> pinned_{0};
  std::atomic<std::uint64_t> objects_{0}, rows_{0}, flights_{0}, evicted_{0}, invalidated_{0}, stored_{0}, discarded_{0}, markers_{0};
};

}  // namespace cachenode::store
