// SPDX-License-Identifier: BSD-2-Clause
// The memory that bodies live in: counted blocks of some twenty sizes, cut from slabs that are mapped for the purpose and charged
// to the budget whole, so that the configured bound holds for what the kernel sees too. A slab whose blocks are all free leaves.
// Owner: the Store. Any thread may allocate and free; one lock a size class.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/list.h"
#include "cachenode/store/budget.h"
#include "net/buffer.h"

namespace cachenode::store {

class Blocks;
struct Slab;

// Bytes of one body, at a stable address until the last reference (body, reader, piece being sent) is dropped.
class Block final : public net::SharedBytes {
 public:
  void retain() override { count_.fetch_add(1, std::memory_order_relaxed); }
  void release() override;
  char* data() { return reinterpret_cast<char*>(this + 1); }
  std::uint32_t capacity() const { return capacity_; }

  // Set by the body's writer before the bytes are published.
  Block* next = nullptr;
  std::uint64_t offset = 0;  // of data()[0] in the body

 private:
  friend class Blocks;
  Block(Blocks& home, Slab& slab, std::uint32_t capacity) : capacity_(capacity), home_(home), slab_(slab) {}
  ~Block() = default;
  std::atomic<std::uint32_t> count_{1};
  const std::uint32_t capacity_;
  Blocks& home_;
  Slab& slab_;
};

class Blocks {
 public:
  static constexpr std::size_t largest = 64 * 1024 - sizeof(Block);

  explicit Blocks(Budget& budget);
  ~Blocks();  // every block has been released
  Blocks(const Blocks&) = delete;
  Blocks& operator=(const Blocks&) = delete;
  void set_evictor(Evictor* evictor) { evictor_ = evictor; }

  // A block of at least min(bytes, largest), count 1. Evicts in bounded steps when the budget is spent; null when that
  // did not help. `beyond`: may exceed the budget by a slab (a window's next block must not depend on others' memory).
  Block* allocate(std::size_t bytes, bool beyond = false);

  // Unmaps empty slabs; false if there were none.
  bool trim();

  std::size_t slab_bytes() const { return slab_bytes_; }
  std::uint64_t live_bytes() const { return live_.load(std::memory_order_relaxed); }

 private:
  friend class Block;
  struct SizeClass {
    std::mutex mutex;
    std::uint32_t size = 0;      // header included
    base::List<Slab> with_room;
  };
  Block* try_allocate(SizeClass& size_class, bool beyond);
  Slab* new_slab(SizeClass& size_class, bool beyond);
  void free(Block* block);
  void unmap(Slab* slab);

  Budget& budget_;
  Evictor* evictor_ = nullptr;
  std::size_t slab_bytes_;
  std::vector<std::unique_ptr<SizeClass>> classes_;
  std::atomic<std::uint64_t> live_{0};
};

}  // namespace cachenode::store
