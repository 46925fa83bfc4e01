// SPDX-License-Identifier: BSD-2-Clause
// The shared part of a fetch in progress: who asked the same on any worker finds it in the row, waits in its cells and takes the
// candidate when its head is there. Written by the worker that owns the fetch; the plain members under the row's shard lock or
// before `state` is published. Counted; any thread.
#pragma once

#include <atomic>
#include <string>

#include "base/reason.h"
#include "cachenode/store/head.h"
#include "cachenode/store/ref.h"
#include "cachenode/store/wake_cells.h"

namespace cachenode::store {

struct Row;

class Flight : public Counted<Flight> {
 public:
  enum class State : std::uint8_t {
    waiting,      // no head yet
    streaming,    // `candidate` is there, its body may still grow
    uncacheable,  // the answer is for the first client only; the others look up again
    failed,       // no answer: `failure`
    finished,     // over: kept or not
  };
  explicit Flight(unsigned workers) : cells(new WakeCells(workers)) {}

  State state() const { return state_.load(std::memory_order_seq_cst); }
  bool joinable() const { return joinable_.load(std::memory_order_relaxed); }

  // Set when the flight was made; constant.
  std::uint64_t number = 0;               // invalidation number at its start
  base::TimePoint settle_until{};         // an invalidation of its purge identity settles till then; {} if none
  std::string vary_names, vary_values;    // what the row's last answer varied by, and this request's values
  bool solo = false;                      // hit-for-miss: nobody joins
  Ref<WakeCells> cells;

  // Valid once state() says so.
  Ref<Head> candidate;
  base::Reason failure;                   // its subject is of static storage
  int failure_system = 0;
  const base::ReasonRow* uncacheable_why = nullptr;
  int answer_status = 0;                  // what the origin said, where the candidate does not say it (304)
  bool ask_again = false;                 // uncacheable: only because credentials were removed

 private:
  friend class Store;
  std::atomic<State> state_{State::waiting};
  std::atomic<bool> joinable_{true};
  bool invalidated_ = false;              // shard lock
  bool over_ = false;                     // shard lock
  Row* row_ = nullptr;                    // null once it left its row
};

}  // namespace cachenode::store
