// SPDX-License-Identifier: BSD-2-Clause
// A body: an append-only list of blocks at stable addresses, an atomic published length, an end, one writer, any number of
// readers on any worker. While it grows too large, or when nothing can be reserved, it becomes a window: no new readers,
// the slowest paces the writer, and what all have read is freed. Counted; any thread.
#pragma once

#include <atomic>
#include <mutex>
#include <string_view>

#include "base/list.h"
#include "cachenode/store/blocks.h"
#include "cachenode/store/ref.h"
#include "cachenode/store/wake_cells.h"

namespace cachenode::store {

class BodyReader;

class Body : public Counted<Body> {
 public:
  enum class End : std::uint8_t { open, complete, broken };
  static constexpr std::uint64_t window_bytes = 512 * 1024;

  // `expected`: the length if known, 0 if not: sizes the blocks.
  Body(Blocks& blocks, Doors& doors, std::uint64_t expected);
  ~Body();

  // --- the writer's thread; `self` is its worker ---
  // Copies and publishes. Returns how many bytes were taken: fewer when no block can be had (become_window() then), or when the
  // window is full (arm_space() and look again).
  std::size_t append(std::string_view bytes, unsigned self);
  void complete(unsigned self);
  void break_off(unsigned self);
  void become_window();
  // The writer waits for room in the window.
  void arm_space(unsigned worker, Waiter& waiter) { space_->arm(worker, waiter); }
  bool window_full();
  // Cuts the slowest reader if there are several: what the others wait for. False if there was none to cut.
  bool cut_slowest(unsigned self);
  std::size_t readers();

  // --- any thread ---
  std::uint64_t published() const { return published_.load(std::memory_order_seq_cst); }
  End end() const { return end_.load(std::memory_order_seq_cst); }
  bool window() const { return window_.load(std::memory_order_seq_cst); }
  std::uint64_t held_bytes() const { return held_.load(std::memory_order_relaxed); }  // blocks, as charged

 private:
  friend class BodyReader;
  Block* find(std::uint64_t at);      // under mutex_; null if not there yet
  std::uint64_t slowest();            // under mutex_
  void trim(std::uint64_t before);    // under mutex_
  bool add_block(std::size_t wanted);

  Blocks& blocks_;
  Doors& doors_;
  const std::uint64_t expected_;
  std::atomic<std::uint64_t> published_{0};
  std::atomic<End> end_{End::open};
  std::atomic<bool> window_{false};
  std::atomic<std::uint64_t> held_{0};
  std::mutex mutex_;                  // first_, readers_
  Block* first_ = nullptr;
  Block* tail_ = nullptr;             // writer only
  base::List<BodyReader> readers_;
  Ref<WakeCells> data_;
  Ref<WakeCells> space_;
};

// One reader of [from, to) of a body. Owner: an exchange; its worker's thread.
class BodyReader : private base::ListLink<> {
 public:
  enum class State : std::uint8_t { span, wait, end, broken };
  struct Next {
    State state = State::wait;
    std::string_view bytes;             // valid until the next call
    net::SharedBytes* owner = nullptr;  // retain to keep the bytes
  };
  BodyReader() = default;
  ~BodyReader() { detach(); }
  // `task` is rung when more can be read. False: the body is a window and takes no newcomers.
  bool attach(Ref<Body> body, std::uint64_t from, std::uint64_t to, unsigned worker, net::Task& task);
  void detach();
  bool attached() const { return static_cast<bool>(body_); }
  // At most `max` bytes of one block; advances. `wait` has armed the wake-up already.
  Next next(std::size_t max);
  std::uint64_t position() const { return position_.load(std::memory_order_relaxed); }

 private:
  friend class Body;
  friend class base::List<BodyReader>;
  void hold(Block* block);
  Ref<Body> body_;
  Block* block_ = nullptr;  // retained
  std::atomic<std::uint64_t> position_{0};
  std::uint64_t to_ = UINT64_MAX;
  std::atomic<bool> cut_{false};
  unsigned worker_ = 0;
  bool registered_ = false;
  Waiter waiter_;
};

}  // namespace cachenode::store
