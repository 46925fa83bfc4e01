// SPDX-License-Identifier: BSD-2-Clause
// Waking tasks of several workers: one cell a worker, an armed flag and that worker's waiters. Who finds nothing joins the list,
// arms, looks again, waits. Who has published disarms armed cells and sends each such worker one message: at most one message a
// worker, whether 1 or 1 000 wait. Both sides use seq_cst operations (fences are not understood by thread sanitizers).
#pragma once

#include <atomic>
#include <memory>

#include "base/list.h"
#include "cachenode/store/ref.h"
#include "net/mailbox.h"
#include "net/task.h"

namespace cachenode::store {

// The doors into the workers, by number. Outlives the store's objects.
class Doors {
 public:
  virtual ~Doors() = default;
  virtual unsigned workers() const = 0;
  virtual void post(unsigned worker, net::Message message) = 0;  // any thread
};
inline constexpr unsigned no_worker = UINT32_MAX;

// A task that waits in a cell of its own worker. Member of what waits; leaves by its destructor.
class Waiter : public base::ListLink<> {
 public:
  net::Task* task = nullptr;
};

class WakeCells : public Counted<WakeCells> {
 public:
  explicit WakeCells(unsigned workers) : cells_(std::make_unique<Cell[]>(workers)), workers_(workers) {}

  // Worker's thread. The caller looks again afterwards.
  void arm(unsigned worker, Waiter& waiter) {
    Cell& cell = cells_[worker];
    if (!waiter.linked()) cell.waiters.push_back(waiter);
    cell.armed.store(true, std::memory_order_seq_cst);
  }
  // Any thread; `self` is the caller's worker or no_worker. Waiters must arm again afterwards.
  void wake(Doors& doors, unsigned self) {
    for (unsigned w = 0; w < workers_; ++w) {
      Cell& cell = cells_[w];
      if (!cell.armed.load(std::memory_order_seq_cst) || !cell.armed.exchange(false, std::memory_order_seq_cst)) continue;
      if (w == self) {
        ring(w);
      } else {
        doors.post(w, [keep = Ref<WakeCells>(this), w] { keep->ring(w); });
      }
    }
  }

 private:
  struct Cell {
    std::atomic<bool> armed{false};
    base::List<Waiter> waiters;  // worker's thread only
  };
  void ring(unsigned worker) {
    while (Waiter* waiter = cells_[worker].waiters.pop_front()) waiter->task->ring();
  }
  std::unique_ptr<Cell[]> cells_;
  unsigned workers_;
};

}  // namespace cachenode::store
