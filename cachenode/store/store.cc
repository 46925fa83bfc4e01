// SPDX-License-Identifier: BSD-2-Clause
#include "cachenode/store/store.h"

#include <algorithm>

#include "base/check.h"
#include "cachenode/reasons.h"
#include "cachenode/store/row.h"

namespace cachenode::store {

namespace {

constexpr std::size_t eviction_steps = 64;
constexpr base::Duration touch_interval = std::chrono::seconds(1);
constexpr base::Duration pause_after_failure = std::chrono::seconds(1);
// What the two hash tables cost a row, nodes and buckets.
constexpr std::size_t index_cost = 160;

}  // namespace

Store::Store(Options options, Doors& doors) : doors_(doors), budget_(options.memory), blocks_(budget_) {
  for (auto& shard : shards_) shard = std::make_unique<Shard>();
  blocks_.set_evictor(this);
}

Store::~Store() {
  for (auto& shard : shards_) {
    for (auto& [key, row] : shard->rows) {
      for (auto& flight : row->flights) flight->row_ = nullptr;
      row->flights.clear();
      row->variants.clear();
      budget_.give_back(row->charged);
    }
    shard->rows.clear();
    shard->groups.clear();
  }
  blocks_.set_evictor(nullptr);
}

Store::Shard& Store::shard_of(std::string_view purge_path) {
  return *shards_[(base::seeded_hash(purge_path) >> 32) % shard_count];
}

bool Store::reserve(std::uint64_t bytes) {
  for (std::size_t step = 0; step < eviction_steps; ++step) {
    if (budget_.reserve(bytes)) return true;
    if (!evict_some()) return false;
  }
  return false;
}

Found Store::look_up(const KeyParts& parts, const Asker& asker, Intent intent, base::TimePoint now) {
  Shard& shard = shard_of(parts.purge_path);
  const std::uint64_t hash = base::seeded_hash(parts.key);
  Found found;
  for (std::size_t step = 0; step < eviction_steps; ++step) {
    {
      const std::lock_guard lock(shard.mutex);
      if (look_up_locked(shard, parts, hash, asker, intent, now, found)) return found;
    }
    // A row could not be reserved: room is made without holding the lock.
    if (!evict_some()) break;
  }
  found.kind = Found::Kind::no_room;
  found.miss = &reasons::miss_memory;
  return found;
}

bool Store::find_flight(Row& row, const Asker& asker, Found& found) {
  std::string values;
  for (const Ref<Flight>& flight : row.flights) {
    if (!flight->joinable()) continue;
    if (flight->state() == Flight::State::waiting) {
      if (!flight->vary_names.empty()) {
        asker.selecting(flight->vary_names, values);
        if (values != flight->vary_values) continue;
      }
    } else if (flight->state() == Flight::State::streaming) {
      const Head& head = *flight->candidate;
      if (head.body->window()) continue;
      if (!head.vary_names.empty()) {
        asker.selecting(head.vary_names, values);
        if (values != head.vary_values) continue;
      }
    } else {
      continue;
    }
    found.kind = Found::Kind::join;
    found.flight = flight;
    return true;
  }
  return false;
}

bool Store::look_up_locked(Shard& shard, const KeyParts& parts, std::uint64_t hash, const Asker& asker, Intent intent, base::TimePoint now, Found& found) {
  const auto at = shard.rows.find(HashedKey{parts.key, hash});
  Row* row = at == shard.rows.end() ? nullptr : at->second.get();
  found.miss = &reasons::miss_uri;
  if (row) {
    if (intent != Intent::look && now - row->touched >= touch_interval) {
      row->touched = now;
      static_cast<base::ListLink<LruTag>*>(row)->unlink();
      shard.lru.push_back(*row);
    }
    std::string values;
    for (const Ref<Head>& head : row->variants) {
      if (!head->vary_names.empty()) {
        asker.selecting(head->vary_names, values);
        if (values != head->vary_values) {
          found.miss = &reasons::miss_vary;
          continue;
        }
      }
      const Use use = asker.judge(head->freshness, now < row->failed_until);
      if (use == Use::gone) break;
      found.miss = &reasons::miss_stale;
      found.head = head;
      if (use == Use::revalidate) break;
      found.kind = Found::Kind::hit;
      if (use == Use::stale && (intent == Intent::fetch || intent == Intent::alone) && now >= row->failed_until) {
        Found running;
        if (!find_flight(*row, asker, running)) {
          found.flight = make_flight(shard, *row, asker, now);
          found.refresh = true;
        }
      }
      return true;
    }
    if (intent != Intent::alone && find_flight(*row, asker, found)) return true;
    if (now < row->marker_until) {
      found.miss = &reasons::miss_marker;
      found.marker_why = row->marker_why;
    }
  }
  found.kind = Found::Kind::none;
  if (intent != Intent::fetch && intent != Intent::alone) return true;
  if (!row) row = make_row(shard, parts, hash);
  if (!row) return false;
  found.flight = make_flight(shard, *row, asker, now);
  found.kind = Found::Kind::lead;
  if (found.marker_why) found.kind = Found::Kind::marker;
  if (found.marker_why || intent == Intent::alone) {
    found.flight->solo = true;
    found.flight->joinable_.store(false, std::memory_order_relaxed);
  }
  return true;
}

Row* Store::make_row(Shard& shard, const KeyParts& parts, std::uint64_t hash) {
  const std::uint64_t cost = sizeof(Row) + sizeof(Flight) + index_cost + parts.key.size() + parts.host.size() + parts.query.size() + parts.purge_path.size();
  if (!budget_.reserve(cost)) return nullptr;
  auto row = std::make_unique<Row>();
  row->key = parts.key;
  row->host = parts.host;
  row->query = parts.query;
  row->has_query = parts.has_query;
  row->hash = hash;
  row->charged = cost;
  auto group = shard.groups.find(parts.purge_path);
  if (group == shard.groups.end()) {
    auto made = std::make_unique<Group>();
    made->path = parts.purge_path;
    const std::string_view name = made->path;
    group = shard.groups.emplace(name, std::move(made)).first;
  }
  row->group = group->second.get();
  row->group->rows.push_back(*row);
  shard.lru.push_back(*row);
  rows_.fetch_add(1, std::memory_order_relaxed);
  Row* raw = row.get();
  shard.rows.emplace(HashedKey{raw->key, hash}, std::move(row));
  return raw;
}

Ref<Flight> Store::make_flight(Shard& shard, Row& row, const Asker& asker, base::TimePoint now) {
  Ref<Flight> flight(new Flight(doors_.workers()));
  flight->number = number_.load();
  flight->row_ = &row;
  if (!row.vary_names.empty()) {
    flight->vary_names = row.vary_names;
    asker.selecting(row.vary_names, flight->vary_values);
  }
  if (now < shard.settle_all_until) flight->settle_until = shard.settle_all_until;
  std::erase_if(shard.settling, [now](const Settling& s) { return s.until <= now; });
  for (const Settling& s : shard.settling)
    if (s.path == row.group->path && concerns(row, s.host, s.has_query, s.query)) flight->settle_until = std::max(flight->settle_until, s.until);
  row.flights.push_back(flight);
  flights_.fetch_add(1, std::memory_order_relaxed);
  return flight;
}

void Store::drop_if_empty(Shard& shard, Row& row) {
  // A marker keeps its row till the marker is removed or the row is evicted.
  if (!row.variants.empty() || !row.flights.empty() || row.marker_until != base::TimePoint{}) return;
  Group* group = row.group;
  budget_.give_back(row.charged);
  rows_.fetch_sub(1, std::memory_order_relaxed);
  const auto at = shard.rows.find(HashedKey{row.key, row.hash});
  CHECK(at != shard.rows.end());
  const std::unique_ptr<Row> keep = std::move(at->second);  // the map's key is a view into the row
  shard.rows.erase(at);
  static_cast<base::ListLink<GroupTag>*>(&row)->unlink();
  if (!group->rows.empty()) return;
  const auto group_at = shard.groups.find(std::string_view(group->path));
  const std::unique_ptr<Group> keep_group = std::move(group_at->second);
  shard.groups.erase(group_at);
}

Ref<Body> Store::new_body(std::uint64_t expected) { return Ref<Body>(new Body(blocks_, doors_, expected)); }

Ref<Head> Store::new_head(const http::ResponseHead& response, std::size_t vary_bytes) {
  const std::uint64_t cost = Head::cost(response, vary_bytes);
  if (!reserve(cost)) return {};
  Ref<Head> head(new Head(budget_, cost));
  head->response = response;
  return head;
}

// A flight's row lives as long as the flight is in it, so its shard can be found without a lock.
void Store::streaming(Flight& flight, Ref<Head> candidate, unsigned self) {
  CHECK(flight.row_ && flight.state() == Flight::State::waiting);
  {
    Shard& shard = shard_of(flight.row_->group->path);
    const std::lock_guard lock(shard.mutex);
    flight.row_->vary_names = candidate->vary_names;
    flight.row_->marker_until = {};
    flight.candidate = std::move(candidate);
    flight.state_.store(Flight::State::streaming, std::memory_order_seq_cst);
    // Known to be storable: whoever comes now may share it after all.
    if (flight.solo && !flight.invalidated_) flight.joinable_.store(true, std::memory_order_relaxed);
  }
  flight.cells->wake(doors_, self);
}

void Store::leave_row(Shard& shard, Flight& flight) {
  Row& row = *flight.row_;
  flight.over_ = true;
  flight.joinable_.store(false, std::memory_order_relaxed);
  flight.row_ = nullptr;
  std::erase_if(row.flights, [&flight](const Ref<Flight>& f) { return f.get() == &flight; });
  flights_.fetch_sub(1, std::memory_order_relaxed);
  drop_if_empty(shard, row);
}

const base::ReasonRow* Store::publish(Flight& flight, base::TimePoint now, unsigned self) {
  const base::ReasonRow* why_not = nullptr;
  Ref<Flight> keep(&flight);
  std::vector<Ref<Head>> replaced;  // freed outside the lock
  {
    Shard& shard = shard_of(flight.row_->group->path);
    const std::lock_guard lock(shard.mutex);
    Row& row = *flight.row_;
    if (flight.invalidated_) {
      why_not = &reasons::keep_invalidated;
    } else if (flight.settle_until != base::TimePoint{} && now >= flight.settle_until) {
      why_not = &reasons::keep_settled;
    } else {
      for (auto v = row.variants.begin(); v != row.variants.end();) {
        const bool same = (*v)->vary_names != flight.candidate->vary_names || (*v)->vary_values == flight.candidate->vary_values;
        if (!same) {
          ++v;
          continue;
        }
        replaced.push_back(std::move(*v));
        v = row.variants.erase(v);
      }
      row.variants.insert(row.variants.begin(), flight.candidate);
      if (row.variants.size() > variants_a_row) {
        replaced.push_back(std::move(row.variants.back()));
        row.variants.pop_back();
      }
      row.checked = number_.load();
      row.failed_until = {};
    }
    flight.state_.store(Flight::State::finished, std::memory_order_seq_cst);
    leave_row(shard, flight);
  }
  objects_.fetch_sub(replaced.size(), std::memory_order_relaxed);
  if (!why_not) objects_.fetch_add(1, std::memory_order_relaxed);
  (why_not ? discarded_ : stored_).fetch_add(1, std::memory_order_relaxed);
  flight.cells->wake(doors_, self);
  return why_not;
}

void Store::uncacheable(Flight& flight, const base::ReasonRow& why, base::Duration marker, base::TimePoint now, unsigned self) {
  Ref<Flight> keep(&flight);
  {
    Shard& shard = shard_of(flight.row_->group->path);
    const std::lock_guard lock(shard.mutex);
    Row& row = *flight.row_;
    if (marker > base::Duration::zero() && !flight.invalidated_) {
      row.marker_until = now + marker;
      row.marker_why = &why;
      markers_.fetch_add(1, std::memory_order_relaxed);
    }
    flight.uncacheable_why = &why;
    flight.state_.store(Flight::State::uncacheable, std::memory_order_seq_cst);
    leave_row(shard, flight);
  }
  flight.cells->wake(doors_, self);
}

void Store::fail(Flight& flight, const base::Reason& why, int system, base::TimePoint now, unsigned self) {
  Ref<Flight> keep(&flight);
  {
    Shard& shard = shard_of(flight.row_->group->path);
    const std::lock_guard lock(shard.mutex);
    Row& row = *flight.row_;
    if (!row.variants.empty()) row.failed_until = now + pause_after_failure;
    flight.failure = why;
    flight.failure_system = system;
    flight.state_.store(Flight::State::failed, std::memory_order_seq_cst);
    leave_row(shard, flight);
  }
  flight.cells->wake(doors_, self);
}

void Store::close_to_newcomers(Flight& flight) { flight.joinable_.store(false, std::memory_order_relaxed); }

Store::Totals Store::totals() const {
  Totals t;
  t.objects = objects_.load(std::memory_order_relaxed);
  t.rows = rows_.load(std::memory_order_relaxed);
  t.flights = flights_.load(std::memory_order_relaxed);
  t.used_bytes = budget_.used();
  t.limit_bytes = budget_.limit();
  t.pinned_bytes = pinned_.load(std::memory_order_relaxed);
  t.evicted = evicted_.load(std::memory_order_relaxed);
  t.invalidated = invalidated_.load(std::memory_order_relaxed);
  t.stored = stored_.load(std::memory_order_relaxed);
  t.discarded = discarded_.load(std::memory_order_relaxed);
  t.markers = markers_.load(std::memory_order_relaxed);
  return t;
}

}  // namespace cachenode::store
