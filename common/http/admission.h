// SPDX-License-Identifier: BSD-2-Clause
// Admission: who may use a server now. One book a backend (balancer), route (webfront) or origin (cachenode): rows with a limit
// of slots, tickets that wait for one. Shared by all workers under one mutex, within which there is no I/O, no allocation,
// no logging and no call into users. The invariant, on every unlock: no free slot coexists with a ticket that may use it.
//
// Use: a Ticket is a member of the exchange (owner's thread). `enter` gives a slot at once, queues the ticket, or refuses it.
// A queued ticket's user is rung when state() becomes granted or refused. take_slot() hands the slot on, normally to
// UpstreamPool::lease; destroying the Slot returns it, from any thread. A granted slot travels as an object, so that one that finds
// nobody, or is never delivered, returns.
//
// Rows come and go while threads use the book. A row is known by its index, which is used again after free_row(): whoever keeps one
// for longer than its own step keeps the serial with it (RowId). Names are looked up when a ticket enters, not earlier.
//
// Lifetime: books and desks outlive all tickets and slots. Destroy desks, then books, when no worker's thread runs any more and its
// exchanges and pool are gone.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/handle.h"
#include "base/list.h"
#include "base/reason.h"
#include "http/admission_view.h"
#include "http/upstream_pool.h"
#include "net/mailbox.h"
#include "net/task.h"

namespace http {

class Admission;
class Slot;
class Ticket;

namespace admission_reason {
inline constexpr base::ReasonRow queue_full{"queue-full", "the queue is full ({a} waiting)", 503, "connection_limit_reached"};
inline constexpr base::ReasonRow no_server{"no-server", "no server of {s} is available", 503, "destination_unavailable"};
// For the owner's deadline, when it cancels a ticket that waited too long.
inline constexpr base::ReasonRow queue_timeout{"queue-timeout", "waited {a} ms in the queue of {s}", 503, "connection_limit_reached"};
}  // namespace admission_reason

// One a worker: where its tickets are found when a grant arrives from another. Owned where the books are, not by what a
// worker destroys. Virtual so that tests can hold the mail back.
class TicketDesk {
 public:
  TicketDesk() = default;
  TicketDesk(const TicketDesk&) = delete;
  TicketDesk& operator=(const TicketDesk&) = delete;
  virtual ~TicketDesk() { lose(); }
  virtual bool here() const = 0;                // called on the desk's own thread?
  virtual void wake() = 0;                      // any thread: have deliver() called on the desk's thread
  virtual base::TimePoint now() const = 0;      // desk's thread
  // Desk's thread: hands out what has arrived; what finds nobody returns. How many are left.
  std::size_t deliver(std::size_t max = SIZE_MAX);
  void lose();                                  // returns all slots that were not delivered
  std::size_t undelivered() const;

 private:
  friend class Admission;
  friend class Ticket;
  void put(std::unique_ptr<Slot> slot);         // any thread
  Slot* take();
  base::HandleTable<Ticket> tickets_;           // desk's thread only
  mutable std::mutex mutex_;
  Slot* first_ = nullptr;                       // guarded by mutex_
  Slot* last_ = nullptr;
};

// The desk of a loop. Made on the loop's thread, or told the thread by adopt_thread() there.
class LoopDesk final : public TicketDesk {
 public:
  explicit LoopDesk(net::EventLoop& loop) : loop_(loop), thread_(std::this_thread::get_id()) {}
  void adopt_thread() { thread_ = std::this_thread::get_id(); }
  bool here() const override { return std::this_thread::get_id() == thread_; }
  void wake() override { loop_.mailbox().post([this] { deliver(); }); }
  base::TimePoint now() const override { return loop_.now(); }

 private:
  net::EventLoop& loop_;
  std::atomic<std::thread::id> thread_;
};

// A row for as long as it is that server's: a stale one finds nobody.
struct RowId {
  std::size_t row = no_row;
  std::uint32_t serial = 0;
  bool operator==(const RowId&) const = default;
};

// One unit of a row's limit, owned by whoever holds the object. Destroying it returns the slot and grants it onward.
class Slot final : public SlotHold {
 public:
  ~Slot() override;
  // The worker that used the slot calls these. connect_failed: the row is taken out for its out_for, before the slot returns.
  void connect_failed() override;
  // So is it, unless it is the last one in the choice and nothing checks it: where many connect at once its queue of connections
  // may just be full, and without it everybody would be refused.
  void connect_timed_out() override;
  // The slot stays taken until a check succeeds, where something checks.
  void drain_timed_out() override;
  std::size_t row() const { return row_; }
  RowId id() const { return {row_, serial_}; }
  Admission* book() const { return book_; }
  // Of the row when the slot was granted. The owner outlives the slot.
  void* owner() const { return owner_; }
  const std::shared_ptr<const Endpoint>& endpoint() const { return endpoint_; }
  // The row is being tried again after its out_until: its first success should be told by Admission::succeeded.
  bool trial() const { return trial_; }
  std::uint32_t used() const { return used_; }  // of the row when this slot was granted, itself included

 private:
  friend class Admission;
  friend class Ticket;
  friend class TicketDesk;
  Admission* book_ = nullptr;  // null: holds nothing
  std::size_t row_ = no_row;
  std::uint32_t serial_ = 0;
  void* owner_ = nullptr;
  std::shared_ptr<const Endpoint> endpoint_;
  bool trial_ = false;
  std::uint32_t used_ = 0;
  TicketDesk* desk_ = nullptr; // of the worker that asked: its address while in the mail
  base::Handle to_;
  const base::ReasonRow* refusal_ = nullptr;
  Slot* next_ = nullptr;       // chain of one delivery
};

struct TicketTag {};

class Ticket : private base::ListLink<TicketTag> {
 public:
  enum class State : std::uint8_t { idle, waiting, granted, refused };
  // `user` is rung on a grant or refusal that comes later; null in tests. Both outlive the ticket.
  Ticket(TicketDesk& desk, net::Task* user) : desk_(desk), user_(user) {}
  ~Ticket();
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;

  State state() const { return state_; }
  std::size_t row() const { return row_; }                     // of the last grant
  // The granted slot; the ticket is idle then, but remembers its arrival for `Input::again`.
  std::unique_ptr<Slot> take_slot();
  const base::ReasonRow* refusal() const { return refusal_; }  // when refused
  std::uint64_t arrival() const { return arrival_; }           // 0: never entered
  std::uint32_t ahead() const { return ahead_; }               // how many waited when this ticket was queued
  base::TimePoint entered() const { return entered_; }
  // Gives up the place, or the slot that was granted. Idle afterwards.
  void cancel();

 private:
  friend class Admission;
  friend class TicketDesk;
  friend class base::List<Ticket, TicketTag>;
  void deliver(std::unique_ptr<Slot> slot);
  void forget_address();

  TicketDesk& desk_;
  net::Task* user_;
  // Owner's thread.
  State state_ = State::idle;
  std::size_t row_ = no_row;
  std::unique_ptr<Slot> slot_;       // granted: the slot; waiting: guarded by the book, which takes it to grant
  const base::ReasonRow* refusal_ = nullptr;
  base::Handle handle_;
  Admission* book_ = nullptr;        // where it waits
  std::uint64_t arrival_ = 0;
  base::TimePoint entered_{};
  std::uint32_t ahead_ = 0;
  // Guarded by the book's mutex while waiting.
  std::int64_t order_ = 0;
  std::size_t named_ = no_row;
  bool queued_ = false;              // in a list of the book; false while waiting: the slot or refusal is in the mail
};

class Admission {
 public:
  enum class Entry : std::uint8_t { granted, queued, refused };
  struct Options {
    std::uint32_t max_waiting = 1024;
    // What one step of class is worth in waiting time: a ticket of class 1 goes after those of class 0 that arrived within
    // this time, so that no class starves.
    base::Duration class_step = std::chrono::seconds(1);
  };
  struct Input {
    std::size_t row = no_row;  // a sticky request names its server; it is re-addressed if that takes none
    int priority = 0;          // class: lower goes first
    bool again = false;        // a retry keeps its arrival number and class, and is not subject to max_waiting
    bool unlimited = false;    // not subject to max_waiting: those who wait at the process before this one
  };
  struct Totals {
    std::uint32_t active = 0, active_max = 0;
    std::uint32_t waiting = 0, waiting_max = 0;  // general and named
    std::uint64_t granted = 0, queued = 0;       // in all
    std::uint64_t refused_full = 0, refused_no_server = 0, readdressed = 0;
  };

  // `policy` outlives the book, or its own replacement.
  Admission(std::string name, Options options, const PickPolicy& policy);
  // One anonymous row: at most `max_active` slots (0: unlimited), `max_waiting` tickets.
  Admission(std::string name, std::uint32_t max_active, std::uint32_t max_waiting);
  ~Admission();
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  const std::string& name() const { return name_; }
  // --- rows and limits, any thread; whoever waits may be granted at once ---
  std::size_t add_row(std::string name, std::uint32_t limit, std::uint32_t weight, bool up);
  // The same with everything else that a row says; `row.name` is copied.
  std::size_t add_row(ServerRow row);
  // Takes nobody any more: tickets that name it go elsewhere as when it goes down, running slots finish.
  void remove_row(std::size_t row, base::TimePoint now);
  bool row_used(std::size_t row) const;
  // The index of a removed row may be given to another. CHECKs that it is not used; no copy of the row may be read any more.
  void free_row(std::size_t row);
  std::size_t find_row(std::string_view name) const;  // of the live rows; no_row if unknown
  std::size_t rows() const;                           // indexes in use and free ones
  void set_policy(const PickPolicy& policy, base::TimePoint now);
  // Those who wait stay, also where fewer are allowed now.
  void set_max_waiting(std::uint32_t max_waiting);
  // Of a book of one anonymous row: a lowered limit lets running work finish, a raised one lets in who waits.
  void set_limits(std::uint32_t max_active, std::uint32_t max_waiting, base::TimePoint now);

  // Ticket's thread. granted: the ticket holds a slot; queued: it waits; refused: ticket.refusal() says why.
  Entry enter(Ticket& ticket, const Input& input, base::TimePoint now);
  // Told on the thread of the failed connect, without the lock: a row was taken out. Set before threads use the book.
  void on_out(std::function<void(RowId row)> observer) { on_out_ = std::move(observer); }
  // Checks, admin commands, reload, ticks: `edit(std::span<ServerRow>)` runs under the mutex and may change everything but
  // used and queued (restore() returns what is held); then tickets are re-addressed, refused or granted. It must not call into the book.
  template <class F>
  void change(base::TimePoint now, F&& edit) {
    Mail mail;
    {
      std::lock_guard lock(mutex_);
      edit(std::span<ServerRow>(rows_));
      wake_rows(now);
      settle(mail);
    }
    deliver(mail);
  }
  // A connect to the row failed before anything was sent: it attracts nobody for the row's out_for.
  enum class Unless : std::uint8_t { never, last_unchecked };
  void take_out(std::size_t row, base::TimePoint now, Unless unless = Unless::never);
  // A request that tried the row after out_until was answered: it is as before. Nothing if the index is another server's by now.
  void succeeded(RowId row, base::TimePoint now);
  // Lets rows whose out_until has passed be tried again. Cheap when there is none.
  void tick(base::TimePoint now);
  // `see(std::span<const ServerRow>, const Totals&)` under the mutex: copy and leave.
  template <class F>
  auto read(F&& see) const {
    std::lock_guard lock(mutex_);
    return see(std::span<const ServerRow>(rows_), totals_);
  }
  std::vector<ServerRow> copy_rows() const;
  Totals totals() const;

  // --- upgrade: two processes with the same servers (admission_handover.cc); control thread ---
  struct Count {
    RowId row;
    std::uint32_t count;
  };
  // The old process. From now on the rows that have a limit are another's, who counts what is used here as used; the rest is free there.
  std::vector<Count> lease_all();
  // Nobody else owns the row, or any of them, after all.
  void own_again(RowId row, base::TimePoint now);
  void own_all_again(base::TimePoint now);
  // What was lent and is not used: it is not lent any more. Whoever waits here went first.
  std::vector<Count> give_back_unused();
  // Tickets that wait for leased rows, more than what was lent can serve: by row that they name; no_row: for any.
  std::vector<Count> wanted() const;
  // One slot more may be used here. False: the row is not leased.
  bool lend_more(RowId row, base::TimePoint now);
  // The new process. So many slots of the row are used elsewhere: at once, also beyond the limit.
  void take_away(RowId row, std::uint32_t count);
  // The slot is used elsewhere from now on.
  void take_away(std::unique_ptr<Slot> slot);
  void came_back(RowId row, std::uint32_t count, base::TimePoint now);
  RowId row_id(std::string_view name) const;           // of a live row; row no_row if unknown
  std::string row_name(RowId row) const;

  // CHECKs the invariant and all counts; after every change in builds with TRIVET_CHECK_BOOK, and from tests.
  void verify() const;

 private:
  friend class Slot;
  friend class Ticket;
  using Queue = base::List<Ticket, TicketTag>;
  struct Mail {
    Slot* first = nullptr;
    Slot* last = nullptr;
    void add(std::unique_ptr<Slot> slot);
  };
  void leave(std::size_t row);
  bool hold(std::size_t row);
  void cancel(Ticket& ticket);
  bool any_in_choice() const;
  void wake_rows(base::TimePoint now);
  void settle(Mail& mail);
  void readdress(Mail& mail);
  void match(Mail& mail);
  void match_row(std::size_t row, Mail& mail);
  void take_slot(Ticket& ticket, std::size_t row);
  void grant(Ticket& ticket, std::size_t row, Mail& mail);
  void refuse(Ticket& ticket, const base::ReasonRow& why, Mail& mail);
  void put_in_queue(Ticket& ticket);
  void unqueue(Ticket& ticket);
  static bool before(const Ticket& a, const Ticket& b);
  void check_book() const;
  void verify_locked() const;
  static void deliver(Mail& mail);

  const std::string name_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  Options options_;
  const PickPolicy* policy_;
  std::deque<std::string> names_;    // one a row; those of used rows never move
  std::vector<ServerRow> rows_;
  mutable std::deque<Queue> named_;  // one a row
  mutable Queue general_;
  Totals totals_;
  std::uint64_t arrivals_ = 0;
  std::uint64_t grants_ = 0;
  base::TimePoint last_time_{};
  base::TimePoint next_wake_ = base::TimePoint::max();
  std::function<void(RowId row)> on_out_;
};

}  // namespace http
