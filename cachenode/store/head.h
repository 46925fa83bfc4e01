// SPDX-License-Identifier: BSD-2-Clause
// A stored answer's head: immutable once shared, over a body that a validated head may share with its predecessor. Counted; any thread.
#pragma once

#include <atomic>
#include <optional>
#include <string>

#include "cachenode/freshness.h"
#include "cachenode/store/body.h"
#include "cachenode/store/ref.h"
#include "http/head.h"

namespace cachenode::store {

class Head : public Counted<Head> {
 public:
  Head(Budget& budget, std::uint64_t charged) : budget_(budget), charged_(charged) {}
  ~Head() {
    budget_.give_back(charged_);
    if (pinned_) pinned_->fetch_sub(body ? body->held_bytes() : 0, std::memory_order_relaxed);
  }
  // What a head costs besides its body.
  static std::uint64_t cost(const http::ResponseHead& response, std::size_t vary_bytes) {
    return sizeof(Head) + sizeof(Body) + 128 + response.bytes() + response.fields().size() * sizeof(http::Head::Field) + vary_bytes;
  }

  http::ResponseHead response;   // as clients get it, but for Age, Cache-Status, X-Cache, Via
  Ref<Body> body;
  Freshness freshness;
  std::string vary_names;        // field names of Vary in lower case, sorted, separated by ','; empty: no Vary
  std::string vary_values;       // what the request that caused the fetch had for them (vary.h)
  http::ResponseHead control;    // what the origin said of lifetimes, for judging again after a 304 (answer_head.h)
  std::optional<std::uint64_t> length;  // of the body, if declared; the body's published length once it is complete

  // Evicted while somebody still reads: counted until the last reader is done.
  void evicted(std::atomic<std::uint64_t>& pinned) {
    if (references() <= 1 || pinned_ || !body) return;
    pinned_ = &pinned;
    pinned.fetch_add(body->held_bytes(), std::memory_order_relaxed);
  }

 private:
  Budget& budget_;
  const std::uint64_t charged_;
  std::atomic<std::uint64_t>* pinned_ = nullptr;  // set under the shard's lock
};

}  // namespace cachenode::store
