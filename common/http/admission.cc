// SPDX-License-Identifier: BSD-2-Clause
#include "http/admission.h"

#include <algorithm>

#include "base/check.h"

namespace http {

namespace {
const FirstFree first_free;
}

// --- Admission ---

Admission::Admission(std::string name, Options options, const PickPolicy& policy)
    : name_(std::move(name)), options_(options), policy_(&policy) {}

Admission::Admission(std::string name, std::uint32_t max_active, std::uint32_t max_waiting)
    : name_(std::move(name)), options_{max_waiting}, policy_(&first_free) {
  add_row({}, max_active, 1, true);
}

Admission::~Admission() {
  std::uint32_t held = 0;  // given up by their users: nobody owns these
  for (const ServerRow& r : rows_) held += r.held;
  CHECK_MSG(totals_.active == held, "a slot outlives its book");
  CHECK_MSG(totals_.waiting == 0, "a ticket outlives its book");
}

Admission::Entry Admission::enter(Ticket& t, const Input& input, base::TimePoint now) {
  CHECK(t.state_ == Ticket::State::idle || t.state_ == Ticket::State::refused);
  CHECK(!input.again || t.arrival_ != 0);
  if (!t.slot_) t.slot_ = std::make_unique<Slot>();
  if (!t.handle_) t.handle_ = t.desk_.tickets_.add(&t);
  t.slot_->desk_ = &t.desk_;
  t.slot_->to_ = t.handle_;
  t.refusal_ = nullptr;
  t.book_ = this;
  t.entered_ = now;

  Mail mail;
  Entry entry = Entry::refused;
  {
    std::lock_guard lock(mutex_);
    if (next_wake_ <= now) {
      wake_rows(now);
      settle(mail);
    }
    if (!input.again) {
      // Workers read their clocks at different moments; the order of arrival is the order of this lock.
      last_time_ = std::max(last_time_, now);
      t.arrival_ = ++arrivals_;
      t.order_ = (last_time_.time_since_epoch() + input.priority * options_.class_step).count();
    }
    // By the invariant whoever waits cannot use what is free: no need to look at the queue.
    t.named_ = input.row < rows_.size() && rows_[input.row].takes_named() ? input.row : no_row;
    const std::size_t row = t.named_ == no_row ? policy_->pick(rows_) : (rows_[t.named_].free() ? t.named_ : no_row);
    if (row != no_row) {
      take_slot(t, row);
      t.row_ = row;
      entry = Entry::granted;
    } else if (t.named_ == no_row && !any_in_choice()) {
      t.refusal_ = &admission_reason::no_server;
      ++totals_.refused_no_server;
    } else if (!input.again && !input.unlimited && totals_.waiting >= options_.max_waiting) {
      t.refusal_ = &admission_reason::queue_full;
      ++totals_.refused_full;
    } else {
      t.ahead_ = totals_.waiting;
      put_in_queue(t);
      ++totals_.queued;
      entry = Entry::queued;
    }
    check_book();
  }
  t.state_ = entry == Entry::granted ? Ticket::State::granted : entry == Entry::queued ? Ticket::State::waiting : Ticket::State::refused;
  deliver(mail);
  return entry;
}

void Admission::cancel(Ticket& t) {
  bool in_mail = false;
  {
    std::lock_guard lock(mutex_);
    in_mail = !t.queued_;
    if (t.queued_) unqueue(t);
    check_book();
  }
  // The slot that is under way must find nobody, and so return, even if this ticket enters again.
  if (in_mail) t.forget_address();
}

void Admission::leave(std::size_t row) {
  Mail mail;
  {
    std::lock_guard lock(mutex_);
    ServerRow& r = rows_[row];
    CHECK(r.used > 0 && totals_.active > 0);
    --r.used;
    --totals_.active;
    match_row(row, mail);
    check_book();
  }
  deliver(mail);
}

bool Admission::hold(std::size_t row) {
  std::lock_guard lock(mutex_);
  // Nobody checks a server that was removed: nothing would return what is held.
  if (rows_[row].out_for != base::Duration::max() || rows_[row].life != RowLife::live) return false;
  ++rows_[row].held;
  return true;
}

void Admission::take_out(std::size_t row, base::TimePoint now, Unless unless) {
  bool taken = false;
  RowId id;
  change(now, [&](std::span<ServerRow> rows) {
    ServerRow& r = rows[row];
    if (r.out_for <= base::Duration::zero() || r.life != RowLife::live) return;
    const auto others = std::count_if(rows.begin(), rows.end(), [&](const ServerRow& other) { return &other != &r && other.in_choice(); });
    if (unless == Unless::last_unchecked && r.out_for != base::Duration::max() && others == 0) return;
    taken = r.out = true;
    id = {row, r.serial};
    r.trial = false;
    r.out_until = r.out_for == base::Duration::max() ? base::TimePoint::max() : now + r.out_for;
  });
  if (taken && on_out_) on_out_(id);
}

void Admission::succeeded(RowId id, base::TimePoint now) {
  change(now, [&](std::span<ServerRow> rows) {
    if (rows[id.row].serial == id.serial) rows[id.row].trial = false;
  });
}

void Admission::tick(base::TimePoint now) {
  {
    std::lock_guard lock(mutex_);
    if (next_wake_ > now) return;
  }
  change(now, [](std::span<ServerRow>) {});
}

std::vector<ServerRow> Admission::copy_rows() const {
  std::vector<ServerRow> out;
  for (;;) {
    out.reserve(rows());
    std::lock_guard lock(mutex_);
    if (rows_.size() > out.capacity()) continue;  // rows were added meanwhile
    out.insert(out.end(), rows_.begin(), rows_.end());
    return out;
  }
}

Admission::Totals Admission::totals() const {
  std::lock_guard lock(mutex_);
  return totals_;
}

// --- under the mutex ---

bool Admission::before(const Ticket& a, const Ticket& b) {
  return a.order_ != b.order_ ? a.order_ < b.order_ : a.arrival_ < b.arrival_;
}

bool Admission::any_in_choice() const {
  return std::any_of(rows_.begin(), rows_.end(), [](const ServerRow& r) { return r.in_choice(); });
}

void Admission::wake_rows(base::TimePoint now) {
  next_wake_ = base::TimePoint::max();
  for (ServerRow& r : rows_) {
    if (!r.out) continue;
    if (r.out_until <= now) {
      r.out = false;
      r.trial = true;
    } else {
      next_wake_ = std::min(next_wake_, r.out_until);
    }
  }
}

void Admission::settle(Mail& mail) {
  totals_.active = 0;
  for (const ServerRow& r : rows_) totals_.active += r.used;
  readdress(mail);
  match(mail);
  check_book();
}

// Tickets whose server takes none any more join the general queue at their old place; where nobody is left in the choice
// nothing waits.
void Admission::readdress(Mail& mail) {
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (rows_[i].takes_named()) continue;
    while (Ticket* t = named_[i].first()) {
      unqueue(*t);
      t->named_ = no_row;
      put_in_queue(*t);
      ++totals_.readdressed;
    }
  }
  if (any_in_choice()) return;
  while (Ticket* t = general_.first()) {
    ++totals_.refused_no_server;
    refuse(*t, admission_reason::no_server, mail);
  }
}

// Grants the lowest ticket that some free row may take, until there is none.
void Admission::match(Mail& mail) {
  for (;;) {
    Ticket* best = nullptr;
    std::size_t row = no_row;
    if (Ticket* t = general_.first()) {
      row = policy_->pick(rows_);
      if (row != no_row) best = t;
    }
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      Ticket* t = named_[i].first();
      if (!t || !rows_[i].free() || (best && !before(*t, *best))) continue;
      best = t;
      row = i;
    }
    if (!best) return;
    grant(*best, row, mail);
  }
}

// The same for one row that has just become freer: nothing else can have changed.
void Admission::match_row(std::size_t row, Mail& mail) {
  ServerRow& r = rows_[row];
  while (r.free()) {
    Ticket* t = r.takes_named() ? named_[row].first() : nullptr;
    Ticket* g = r.in_choice() ? general_.first() : nullptr;
    Ticket* next = !t ? g : !g ? t : before(*t, *g) ? t : g;
    if (!next) return;
    grant(*next, row, mail);
  }
}

void Admission::take_slot(Ticket& t, std::size_t row) {
  if (t.named_ == no_row) policy_->apply(rows_, row);
  ServerRow& r = rows_[row];
  r.used_max = std::max(r.used_max, ++r.used);
  r.last_grant = ++grants_;
  ++r.granted;
  ++totals_.granted;
  totals_.active_max = std::max(totals_.active_max, ++totals_.active);
  t.slot_->book_ = this;
  t.slot_->row_ = row;
  t.slot_->serial_ = r.serial;
  t.slot_->owner_ = r.owner;
  t.slot_->endpoint_ = r.endpoint;
  t.slot_->trial_ = r.trial;
  t.slot_->used_ = r.used;
}

void Admission::grant(Ticket& t, std::size_t row, Mail& mail) {
  unqueue(t);
  take_slot(t, row);
  mail.add(std::move(t.slot_));
}

void Admission::refuse(Ticket& t, const base::ReasonRow& why, Mail& mail) {
  unqueue(t);
  t.slot_->refusal_ = &why;
  mail.add(std::move(t.slot_));
}

void Admission::put_in_queue(Ticket& t) {
  Queue& queue = t.named_ == no_row ? general_ : named_[t.named_];
  // Newcomers go to the end or near it; only those that come back look for their place from the front.
  Ticket* at = queue.last();
  if (!at || !before(t, *at)) {
    queue.push_back(t);
  } else if (Ticket* first = queue.first(); before(t, *first)) {
    queue.push_front(t);
  } else {
    while (before(t, *at)) at = queue.previous(*at);
    queue.insert(*queue.next(*at), t);
  }
  t.queued_ = true;
  if (t.named_ != no_row) {
    ServerRow& r = rows_[t.named_];
    r.queued_max = std::max(r.queued_max, ++r.queued);
  }
  totals_.waiting_max = std::max(totals_.waiting_max, ++totals_.waiting);
}

void Admission::unqueue(Ticket& t) {
  CHECK(t.queued_);
  t.unlink();
  t.queued_ = false;
  if (t.named_ != no_row) --rows_[t.named_].queued;
  --totals_.waiting;
}

// --- delivery, after unlock ---

void Admission::Mail::add(std::unique_ptr<Slot> slot) {
  Slot* s = slot.release();
  s->next_ = nullptr;
  (last ? last->next_ : first) = s;
  last = s;
}

void Admission::deliver(Mail& mail) {
  while (Slot* s = mail.first) {
    mail.first = s->next_;
    std::unique_ptr<Slot> slot(s);
    TicketDesk& desk = *s->desk_;
    if (!desk.here()) {
      desk.put(std::move(slot));
    } else if (Ticket* t = desk.tickets_.find(s->to_)) {
      t->deliver(std::move(slot));
    }
    // A slot that finds nobody returns here; that may grant it onward, from this thread's stack, with the lock free.
  }
}

// --- checks ---

void Admission::check_book() const {
#ifdef TRIVET_CHECK_BOOK
  verify_locked();
#endif
}

void Admission::verify() const {
  std::lock_guard lock(mutex_);
  verify_locked();
}

void Admission::verify_locked() const {
  std::uint32_t used = 0, waiting = 0;
  const auto count = [&](Queue& queue, std::size_t named) {
    std::uint32_t n = 0;
    for (Ticket* t = queue.first(); t; t = queue.next(*t), ++n) {
      CHECK(t->queued_ && t->slot_ && !t->slot_->book_ && t->named_ == named);
      Ticket* next = queue.next(*t);
      CHECK(!next || before(*t, *next));
    }
    waiting += n;
    return n;
  };
  const std::uint32_t general = count(general_, no_row);
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const ServerRow& r = rows_[i];
    used += r.used;
    CHECK(count(named_[i], i) == r.queued);
    CHECK(r.life != RowLife::unused || (r.used == 0 && r.queued == 0));
    CHECK_MSG(!(r.queued && r.free() && r.takes_named()), "a free slot beside a ticket that names its server");
    CHECK_MSG(!(r.queued && !r.takes_named()), "a ticket names a server that takes none");
    CHECK_MSG(!(general && r.free() && r.in_choice()), "a free slot beside a waiting ticket");
  }
  CHECK_MSG(!(general && !any_in_choice()), "a ticket waits for no server");
  CHECK(used == totals_.active && waiting == totals_.waiting);
}

}  // namespace http
