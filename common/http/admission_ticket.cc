// SPDX-License-Identifier: BSD-2-Clause
#include "base/check.h"
#include "http/admission.h"

namespace http {

Slot::~Slot() {
  if (book_) book_->leave(row_);
}

void Slot::connect_failed() {
  if (book_) book_->take_out(row_, desk_->now());
}

void Slot::connect_timed_out() {
  if (book_) book_->take_out(row_, desk_->now(), Admission::Unless::last_unchecked);
}

void Slot::drain_timed_out() {
  if (book_ && book_->hold(row_)) book_ = nullptr;
}

// --- TicketDesk ---

void TicketDesk::put(std::unique_ptr<Slot> slot) {
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    first = first_ == nullptr;
    Slot* s = slot.release();
    s->next_ = nullptr;
    (last_ ? last_->next_ : first_) = s;
    last_ = s;
  }
  if (first) wake();
}

Slot* TicketDesk::take() {
  std::lock_guard lock(mutex_);
  Slot* slot = first_;
  if (slot) first_ = slot->next_;
  if (!first_) last_ = nullptr;
  return slot;
}

std::size_t TicketDesk::deliver(std::size_t max) {
  for (; max > 0; --max) {
    std::unique_ptr<Slot> slot(take());
    if (!slot) return 0;
    if (Ticket* ticket = tickets_.find(slot->to_)) ticket->deliver(std::move(slot));
  }
  return undelivered();
}

void TicketDesk::lose() {
  while (std::unique_ptr<Slot> slot{take()}) slot.reset();
}

std::size_t TicketDesk::undelivered() const {
  std::lock_guard lock(mutex_);
  std::size_t n = 0;
  for (const Slot* s = first_; s; s = s->next_) ++n;
  return n;
}

// --- Ticket ---

Ticket::~Ticket() {
  cancel();
  forget_address();
}

void Ticket::cancel() {
  // The book first: while waiting it may be taking the slot object at this moment.
  if (state_ == State::waiting) book_->cancel(*this);
  state_ = State::idle;
  slot_.reset();
}

std::unique_ptr<Slot> Ticket::take_slot() {
  CHECK(state_ == State::granted);
  state_ = State::idle;
  return std::move(slot_);
}

void Ticket::forget_address() {
  if (handle_) desk_.tickets_.remove(handle_);
  handle_ = {};
}

void Ticket::deliver(std::unique_ptr<Slot> slot) {
  CHECK(state_ == State::waiting && !queued_);
  if (slot->refusal_) {
    state_ = State::refused;
    refusal_ = slot->refusal_;
    slot->refusal_ = nullptr;
    slot_ = std::move(slot);  // the empty object serves the next entry
  } else {
    state_ = State::granted;
    row_ = slot->row_;
    slot_ = std::move(slot);
  }
  if (user_) user_->ring();
}

}  // namespace http
