// SPDX-License-Identifier: BSD-2-Clause
#include "cachenode/store/body.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace cachenode::store {

Body::Body(Blocks& blocks, Doors& doors, std::uint64_t expected)
    : blocks_(blocks), doors_(doors), expected_(expected), data_(new WakeCells(doors.workers())), space_(new WakeCells(doors.workers())) {}

Body::~Body() {
  CHECK(readers_.empty());
  while (first_) {
    Block* next = first_->next;
    first_->release();
    first_ = next;
  }
}

bool Body::add_block(std::size_t wanted) {
  const std::uint64_t at = published_.load(std::memory_order_relaxed);
  std::size_t size = 0;
  if (expected_ > at) {
    size = static_cast<std::size_t>(std::min<std::uint64_t>(expected_ - at, Blocks::largest));
  } else {
    // Unknown length: small answers get small blocks, large ones few.
    size = at < 4096 ? 4096 : at < 32 * 1024 ? 16 * 1024 : Blocks::largest;
  }
  size = std::max<std::size_t>(size, std::min<std::size_t>(wanted, 1024));
  Block* block = blocks_.allocate(size, window());
  if (!block) return false;
  block->offset = at;
  held_.fetch_add(block->capacity() + sizeof(Block), std::memory_order_relaxed);
  if (tail_) {
    tail_->next = block;
    tail_ = block;
  }
  const std::lock_guard lock(mutex_);
  if (!tail_) tail_ = block;
  if (!first_) first_ = block;
  return true;
}

std::size_t Body::append(std::string_view bytes, unsigned self) {
  CHECK(end() == End::open);
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    const std::uint64_t at = published_.load(std::memory_order_relaxed) + taken;
    if (!tail_ || at == tail_->offset + tail_->capacity()) {
      if (taken) break;  // publish first: the next block's offset is the published length
      if (window_full() || !add_block(bytes.size())) return 0;
    }
    const std::size_t used = static_cast<std::size_t>(at - tail_->offset);
    const std::size_t n = std::min<std::size_t>(bytes.size() - taken, tail_->capacity() - used);
    std::memcpy(tail_->data() + used, bytes.data() + taken, n);
    taken += n;
  }
  published_.fetch_add(taken, std::memory_order_seq_cst);
  data_->wake(doors_, self);
  return taken + (taken < bytes.size() ? append(bytes.substr(taken), self) : 0);
}

void Body::complete(unsigned self) {
  end_.store(End::complete, std::memory_order_seq_cst);
  data_->wake(doors_, self);
}

void Body::break_off(unsigned self) {
  end_.store(End::broken, std::memory_order_seq_cst);
  data_->wake(doors_, self);
}

void Body::become_window() {
  const std::lock_guard lock(mutex_);
  window_.store(true, std::memory_order_seq_cst);
  trim(slowest());
}

bool Body::window_full() {
  if (!window()) return false;
  const std::lock_guard lock(mutex_);
  const std::uint64_t low = slowest();
  trim(low);
  return published_.load(std::memory_order_relaxed) - low >= window_bytes;
}

bool Body::cut_slowest(unsigned self) {
  {
    const std::lock_guard lock(mutex_);
    BodyReader* slow = nullptr;
    std::size_t count = 0;
    for (BodyReader* r = readers_.first(); r; r = readers_.next(*r)) {
      if (r->cut_.load(std::memory_order_relaxed)) continue;
      ++count;
      if (!slow || r->position() < slow->position()) slow = r;
    }
    if (count < 2) return false;
    slow->cut_.store(true, std::memory_order_seq_cst);
    trim(slowest());
  }
  data_->wake(doors_, self);
  return true;
}

std::size_t Body::readers() {
  const std::lock_guard lock(mutex_);
  std::size_t count = 0;
  for (BodyReader* r = readers_.first(); r; r = readers_.next(*r)) ++count;
  return count;
}

std::uint64_t Body::slowest() {
  std::uint64_t low = published_.load(std::memory_order_relaxed);
  for (BodyReader* r = readers_.first(); r; r = readers_.next(*r))
    if (!r->cut_.load(std::memory_order_relaxed)) low = std::min(low, r->position_.load(std::memory_order_seq_cst));
  return low;
}

void Body::trim(std::uint64_t before) {
  // The tail stays: the writer appends to it.
  while (first_ && first_->next && first_->offset + first_->capacity() <= before) {
    Block* next = first_->next;
    held_.fetch_sub(first_->capacity() + sizeof(Block), std::memory_order_relaxed);
    first_->release();
    first_ = next;
  }
}

Block* Body::find(std::uint64_t at) {
  Block* block = first_;
  while (block && block->offset + block->capacity() <= at) block = block->next;
  return block;
}

bool BodyReader::attach(Ref<Body> body, std::uint64_t from, std::uint64_t to, unsigned worker, net::Task& task) {
  detach();
  worker_ = worker;
  to_ = to;
  cut_.store(false, std::memory_order_relaxed);
  waiter_.task = &task;
  position_.store(from, std::memory_order_relaxed);
  if (body->end() == Body::End::complete && !body->window()) {
    body_ = std::move(body);
    return true;
  }
  const std::lock_guard lock(body->mutex_);
  if (body->window()) return false;
  body->readers_.push_back(*this);
  registered_ = true;
  body_ = std::move(body);
  return true;
}

void BodyReader::detach() {
  waiter_.unlink();
  hold(nullptr);
  if (!body_) return;
  if (registered_) {
    {
      const std::lock_guard lock(body_->mutex_);
      unlink();
    }
    registered_ = false;
    // A reader more or less may be what the writer waits for; it also looks whether anybody is left.
    body_->space_->wake(body_->doors_, worker_);
  }
  body_.reset();
}

void BodyReader::hold(Block* block) {
  if (block) block->retain();
  if (block_) block_->release();
  block_ = block;
}

BodyReader::Next BodyReader::next(std::size_t max) {
  const std::uint64_t at = position_.load(std::memory_order_relaxed);
  if (at >= to_) return {State::end, {}, nullptr};
  for (bool armed = false;; armed = true) {
    if (cut_.load(std::memory_order_seq_cst)) return {State::broken, {}, nullptr};
    // The end is read before the length: a complete body's length is final.
    const Body::End end = body_->end();
    const std::uint64_t there = std::min(body_->published(), to_);
    if (there > at) break;
    if (end == Body::End::complete) return {State::end, {}, nullptr};
    if (end == Body::End::broken) return {State::broken, {}, nullptr};
    if (armed) return {State::wait, {}, nullptr};
    body_->data_->arm(worker_, waiter_);
  }
  const std::uint64_t there = std::min(body_->published(), to_);
  if (!block_) {
    const std::lock_guard lock(body_->mutex_);
    hold(body_->find(at));
  } else if (at == block_->offset + block_->capacity()) {
    hold(block_->next);
  }
  CHECK(block_ && block_->offset <= at);
  const std::size_t inside = static_cast<std::size_t>(at - block_->offset);
  const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>({there - at, block_->capacity() - inside, max}));
  position_.store(at + n, std::memory_order_seq_cst);
  if (registered_ && body_->window()) body_->space_->wake(body_->doors_, worker_);
  return {State::span, {block_->data() + inside, n}, block_};
}

}  // namespace cachenode::store
