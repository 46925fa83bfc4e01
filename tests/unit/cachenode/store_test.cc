// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <random>
#include <thread>

#include "tests/unit/cachenode/store_helpers.h"

using namespace cachenode;
using namespace cachenode::store;
using Kind = Found::Kind;
using namespace std::chrono_literals;

TEST_CASE("the first leads, the next join, then all hit") {
  StoreFixture f;
  CountingTask task(f.loop, f.owner);
  Found first = f.ask("/a");
  REQUIRE(first.kind == Kind::lead);
  CHECK(first.miss == &reasons::miss_uri);
  Found second = f.ask("/a");
  REQUIRE(second.kind == Kind::join);
  CHECK(second.flight == first.flight);
  CHECK(f.ask("/b").kind == Kind::lead);
  CHECK(f.fill(*first.flight, "hello", 60) == nullptr);
  CHECK(second.flight->state() == Flight::State::finished);
  Found hit = f.ask("/a");
  REQUIRE(hit.kind == Kind::hit);
  CHECK(f.read(hit.head->body, task) == "hello");
}

TEST_CASE("a joiner streams the candidate while it grows; the old object stays till it is complete") {
  StoreFixture f;
  CountingTask task(f.loop, f.owner);
  f.fill(*f.ask("/a").flight, "old", 1);
  f.clock.advance(5s);
  Found lead = f.ask("/a");
  REQUIRE(lead.kind == Kind::lead);
  CHECK(lead.miss == &reasons::miss_stale);
  REQUIRE(lead.head);
  Ref<Head> candidate = f.head_for(*lead.flight, "new!", 60);
  f.store.streaming(*lead.flight, candidate, 0);
  candidate->body->append("ne", 0);
  Found join = f.ask("/a");
  REQUIRE(join.kind == Kind::join);
  CHECK(join.flight->state() == Flight::State::streaming);
  CHECK(f.read(join.flight->candidate->body, task) == "ne|wait");
  candidate->body->break_off(0);
  f.store.fail(*lead.flight, {&reasons::body_broken}, 0, f.clock.now(), 0);
  f.asker.fails = true;
  Found again = f.ask("/a", Intent::look);
  REQUIRE(again.head);
  CHECK(f.read(again.head->body, task) == "old");
}

TEST_CASE("variants are kept side by side, and fetched side by side once the row knows its Vary") {
  StoreFixture f;
  f.asker.values["accept"] = "html";
  f.fill(*f.ask("/a").flight, "html", 60, "accept");
  CHECK(f.ask("/a").kind == Kind::hit);
  f.asker.values["accept"] = "json";
  Found json = f.ask("/a");
  REQUIRE(json.kind == Kind::lead);
  CHECK(json.miss == &reasons::miss_vary);
  f.asker.values["accept"] = "text";
  Found text = f.ask("/a");
  REQUIRE(text.kind == Kind::lead);  // does not wait for json
  f.asker.values["accept"] = "json";
  CHECK(f.ask("/a").kind == Kind::join);
  f.fill(*json.flight, "json", 60, "accept");
  CHECK(f.ask("/a").kind == Kind::hit);
  f.asker.values["accept"] = "html";
  CHECK(f.ask("/a").kind == Kind::hit);
  f.asker.values["accept"] = "text";
  f.fill(*text.flight, "text", 60, "accept");
  CHECK(f.store.totals().objects == 3);
}

TEST_CASE("an uncacheable answer leaves a marker: nobody waits; a storable one removes it") {
  StoreFixture f;
  Found lead = f.ask("/a");
  f.store.uncacheable(*lead.flight, reasons::keep_private, 120s, f.clock.now(), 0);
  Found one = f.ask("/a"), two = f.ask("/a");
  REQUIRE(one.kind == Kind::marker);
  REQUIRE(two.kind == Kind::marker);
  CHECK(one.marker_why == &reasons::keep_private);
  CHECK(one.flight.get() != two.flight.get());
  f.fill(*one.flight, "x", 60);
  CHECK(f.ask("/a").kind == Kind::hit);
  f.store.uncacheable(*two.flight, reasons::keep_private, {}, f.clock.now(), 0);
  f.clock.advance(121s);
  CHECK(f.ask("/a").kind == Kind::lead);
}

TEST_CASE("a marker ends with its time") {
  StoreFixture f;
  f.store.uncacheable(*f.ask("/a").flight, reasons::keep_private, 120s, f.clock.now(), 0);
  f.clock.advance(121s);
  CHECK(f.ask("/a").kind == Kind::lead);
}

TEST_CASE("an invalidation removes every key of the identity") {
  StoreFixture f;
  auto put = [&](std::string_view key, std::string_view host, std::string_view query, bool has_query) {
    Found found = f.store.look_up({key, "/news", host, query, has_query}, f.asker, Intent::fetch, f.clock.now());
    f.fill(*found.flight, "x", 60);
  };
  auto there = [&](std::string_view key) {
    return f.store.look_up({key, "/news", "", "", false}, f.asker, Intent::look, f.clock.now()).kind == Kind::hit;
  };
  put("k1", "a.org", "", false);
  put("k2", "a.org", "x=1", true);
  put("k3", "b.org", "", false);
  CHECK(f.store.invalidate({"/news", "a.org", "x=1", true}, {}, f.clock.now()) == 1);
  CHECK(there("k1"));
  CHECK_FALSE(there("k2"));
  CHECK(f.store.invalidate({"/news", "a.org", "", false}, {}, f.clock.now()) == 1);
  CHECK_FALSE(there("k1"));
  CHECK(there("k3"));
  CHECK(f.store.invalidate({"/news", "", "", false}, {}, f.clock.now()) == 1);
  CHECK_FALSE(there("k3"));
  CHECK(f.store.invalidate({"/news", "", "", false}, {}, f.clock.now()) == 0);
  CHECK(f.store.totals().rows == 0);
}

TEST_CASE("an invalidation during a fetch wins: later look-ups start their own, nothing is kept") {
  StoreFixture f;
  Found lead = f.ask("/a");
  f.store.invalidate({"/a", "", "", false}, {}, f.clock.now());
  Found later = f.ask("/a");
  REQUIRE(later.kind == Kind::lead);
  CHECK(later.flight.get() != lead.flight.get());
  CHECK(f.fill(*lead.flight, "old", 60) == &reasons::keep_invalidated);
  CHECK(f.ask("/a").kind == Kind::join);
  CHECK(f.fill(*later.flight, "new", 60) == nullptr);
  CHECK(f.ask("/a").kind == Kind::hit);
}

TEST_CASE("a fetch that begins while an invalidation settles is kept only until it has") {
  StoreFixture f;
  f.store.invalidate({"/a", "", "", false}, 2s, f.clock.now());
  f.clock.advance(500ms);
  Found lead = f.ask("/a");
  CHECK(f.fill(*lead.flight, "x", 600) == nullptr);
  CHECK(f.ask("/a").kind == Kind::hit);
  f.clock.advance(1499ms);
  CHECK(f.ask("/a").kind == Kind::hit);
  f.clock.advance(1ms);
  Found next = f.ask("/a");
  REQUIRE(next.kind == Kind::lead);
  CHECK_FALSE(next.head);  // gone, not stale
  CHECK(f.fill(*next.flight, "y", 600) == nullptr);
  f.clock.advance(60s);
  CHECK(f.ask("/a").kind == Kind::hit);
}

TEST_CASE("a fetch that began while an invalidation settled and ends later is not kept") {
  StoreFixture f;
  f.store.invalidate({"/a", "", "", false}, 2s, f.clock.now());
  Found lead = f.ask("/a");
  f.clock.advance(3s);
  CHECK(f.fill(*lead.flight, "x", 600) == &reasons::keep_settled);
  CHECK(f.ask("/a").kind == Kind::lead);
}

TEST_CASE("grace: one refresh behind, everybody else hits; after a failure nobody asks again for a second") {
  StoreFixture f;
  Found lead = f.ask("/a");
  Ref<Head> head = f.head_for(*lead.flight, "x", 10);
  head->freshness.grace = 60;
  f.store.streaming(*lead.flight, head, 0);
  head->body->append("x", 0);
  head->body->complete(0);
  f.store.publish(*lead.flight, f.clock.now(), 0);
  f.clock.advance(20s);
  Found first = f.ask("/a"), second = f.ask("/a");
  CHECK(first.kind == Kind::hit);
  CHECK(first.refresh);
  CHECK(second.kind == Kind::hit);
  CHECK_FALSE(second.refresh);
  f.store.fail(*first.flight, {&reasons::body_broken}, 0, f.clock.now(), 0);
  CHECK_FALSE(f.ask("/a").refresh);
  f.clock.advance(1s);
  CHECK(f.ask("/a").refresh);
}

TEST_CASE("the budget holds whatever is stored, and everything is given back") {
  StoreFixture f(4 << 20);
  CountingTask task(f.loop, f.owner);
  std::mt19937 random(7);
  std::uint64_t most = 0;
  int kept = 0;
  for (int i = 0; i < 6000; ++i) {
    const std::string name = "/" + std::to_string(random() % 3000);
    Found found = f.ask(name);
    if (found.kind == Kind::lead) {
      const std::string text(random() % (random() % 10 ? 3000 : 300000), 'x');
      if (!f.fill(*found.flight, text, 60)) ++kept;
    } else {
      REQUIRE(found.kind == Kind::hit);
    }
    most = std::max(most, f.store.totals().used_bytes);
  }
  CHECK(most <= 4u << 20);
  CHECK(most > 3u << 20);
  CHECK(kept > 2000);
  CHECK(f.store.totals().evicted > 1000);
  CHECK(f.store.totals().objects == f.store.totals().stored - f.store.totals().evicted);
}

TEST_CASE("evicted objects that are still read are counted as pinned") {
  StoreFixture f(1 << 20);
  f.fill(*f.ask("/a").flight, std::string(20000, 'a'), 60);
  Ref<Head> reading = f.ask("/a").head;
  for (int i = 0; i < 200; ++i) {
    Found found = f.ask("/fill" + std::to_string(i));
    f.fill(*found.flight, std::string(20000, 'b'), 60);
  }
  CHECK(f.ask("/a", Intent::look).kind == Kind::none);
  CHECK(f.store.totals().pinned_bytes >= 20000);
  reading.reset();
  CHECK(f.store.totals().pinned_bytes == 0);
}

TEST_CASE("an object larger than all of the memory is given up, and the rest lives on") {
  StoreFixture f(1 << 20);
  CHECK(f.fill(*f.ask("/big").flight, std::string(3 << 20, 'x'), 60) == &reasons::keep_no_memory);
  CHECK(f.store.totals().used_bytes < (1u << 20));
  CHECK(f.fill(*f.ask("/small").flight, "x", 60) == nullptr);
}

TEST_CASE("many threads look up, fill and purge; every answer is one that was written for its key") {
  TestDoors doors(4);
  Store store({2 << 20}, doors);
  std::atomic<int> wrong{0}, hits{0};
  auto work = [&](unsigned seed) {
    base::FakeClock clock;
    TestAsker asker;
    std::mt19937 random(seed);
    for (int i = 0; i < 4000; ++i) {
      const std::string name = "/" + std::to_string(random() % 40);
      if (random() % 10 == 0) {
        store.invalidate({name, "", "", false}, {}, clock.now());
        continue;
      }
      Found found = store.look_up({name, name, "h", "", false}, asker, Intent::fetch, clock.now());
      if (found.kind == Kind::hit) {
        ++hits;
        if (found.head->response.get("X-Name").value_or("") != name) ++wrong;
        if (found.head->body->published() != 1000 * name.size()) ++wrong;
      } else if (found.kind == Kind::lead) {
        http::ResponseHead response(200);
        response.add("X-Name", name);
        Ref<Head> head = store.new_head(response, 0);
        if (!head) {
          store.uncacheable(*found.flight, reasons::keep_no_memory, {}, clock.now(), no_worker);
          continue;
        }
        head->freshness.lifetime = 60;
        head->body = store.new_body(0);
        store.streaming(*found.flight, head, no_worker);
        bool fits = true;
        for (std::size_t n = 0; n < name.size() && fits; ++n) fits = head->body->append(std::string(1000, 'x'), no_worker) == 1000;
        if (!fits) {
          head->body->break_off(no_worker);
          store.fail(*found.flight, {&reasons::keep_no_memory}, 0, clock.now(), no_worker);
          continue;
        }
        head->body->complete(no_worker);
        store.publish(*found.flight, clock.now(), no_worker);
      }
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i) threads.emplace_back(work, i);
  for (auto& t : threads) t.join();
  CHECK(wrong == 0);
  CHECK(hits > 500);
}

TEST_CASE("a smaller bound evicts till it holds, a larger one takes effect at once") {
  StoreFixture f(16 << 20);
  for (int i = 0; i < 800; ++i) {
    const std::string name = "/" + std::to_string(i);
    REQUIRE(f.fill(*f.ask(name).flight, std::string(10'000, 'x'), 60) == nullptr);
  }
  REQUIRE(f.store.totals().used_bytes > (8u << 20));
  REQUIRE(f.store.totals().evicted == 0);
  f.store.set_memory(4 << 20);
  int runs = 1;
  while (!f.store.shrink(4)) ++runs;
  CHECK(runs > 3);
  const auto totals = f.store.totals();
  CHECK(totals.limit_bytes == (4u << 20));
  CHECK(totals.used_bytes <= (4u << 20));
  CHECK(totals.objects > 50);
  CHECK(totals.objects == 800 - totals.evicted);
  f.store.set_memory(16 << 20);
  CHECK(f.store.shrink(1));
  for (int i = 0; i < 100; ++i) CHECK(f.fill(*f.ask("/again" + std::to_string(i)).flight, std::string(10'000, 'y'), 60) == nullptr);
  CHECK(f.store.totals().evicted == totals.evicted);
}
