// SPDX-License-Identifier: BSD-2-Clause
#include "cachenode/store/blocks.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

#include "base/check.h"

namespace cachenode::store {

struct Slab : base::ListLink<> {
  void* memory = nullptr;
  std::size_t size_class = 0;
  std::uint32_t slots = 0;
  std::uint32_t used = 0;
  std::uint32_t fresh = 0;       // slots never handed out yet: at the end
  void* free_list = nullptr;     // of slots given back, linked through their first word
};

namespace {

constexpr std::size_t steps_before_giving_up = 64;

}  // namespace

Blocks::Blocks(Budget& budget) : budget_(budget) {
  // Small stores need small slabs, or a few sizes would take all of the budget.
  const std::size_t wish = budget.limit() / 512;
  slab_bytes_ = 64 * 1024;
  while (slab_bytes_ < wish && slab_bytes_ < 1024 * 1024) slab_bytes_ *= 2;
  for (std::uint32_t size = 256; size <= 64 * 1024; size *= 2) {
    for (const std::uint32_t step : {size, size + size / 2}) {
      if (step > 64 * 1024) continue;
      classes_.push_back(std::make_unique<SizeClass>());
      classes_.back()->size = step;
    }
  }
}

Blocks::~Blocks() {
  CHECK(live_.load() == 0);
  trim();
}

Block* Blocks::allocate(std::size_t bytes, bool beyond) {
  const std::size_t whole = std::min(bytes, largest) + sizeof(Block);
  const auto fits = std::find_if(classes_.begin(), classes_.end(), [whole](const auto& c) { return c->size >= whole; });
  for (std::size_t step = 0; step < steps_before_giving_up; ++step) {
    if (Block* block = try_allocate(**fits, false)) return block;
    if (trim()) continue;
    if (!evictor_ || !evictor_->evict_some()) break;
  }
  return beyond ? try_allocate(**fits, true) : nullptr;
}

Block* Blocks::try_allocate(SizeClass& size_class, bool beyond) {
  const std::lock_guard lock(size_class.mutex);
  Slab* slab = size_class.with_room.first();
  if (!slab) slab = new_slab(size_class, beyond);
  if (!slab) return nullptr;
  void* slot = slab->free_list;
  if (slot) {
    slab->free_list = *static_cast<void**>(slot);
  } else {
    slot = static_cast<char*>(slab->memory) + std::size_t{slab->fresh++} * size_class.size;
  }
  if (++slab->used == slab->slots) slab->unlink();
  live_.fetch_add(size_class.size, std::memory_order_relaxed);
  return ::new (slot) Block(*this, *slab, size_class.size - static_cast<std::uint32_t>(sizeof(Block)));
}

Slab* Blocks::new_slab(SizeClass& size_class, bool beyond) {
  if (!budget_.reserve(slab_bytes_)) {
    if (!beyond) return nullptr;
    budget_.take(slab_bytes_);
  }
  void* memory = ::mmap(nullptr, slab_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    budget_.give_back(slab_bytes_);
    return nullptr;
  }
  auto* slab = new Slab;
  slab->memory = memory;
  for (std::size_t i = 0; i < classes_.size(); ++i)
    if (classes_[i].get() == &size_class) slab->size_class = i;
  slab->slots = static_cast<std::uint32_t>(slab_bytes_ / size_class.size);
  size_class.with_room.push_back(*slab);
  return slab;
}

void Block::release() {
  if (count_.fetch_sub(1, std::memory_order_acq_rel) == 1) home_.free(this);
}

void Blocks::free(Block* block) {
  Slab& slab = block->slab_;
  SizeClass& size_class = *classes_[slab.size_class];
  block->~Block();
  Slab* empty = nullptr;
  {
    const std::lock_guard lock(size_class.mutex);
    void* slot = block;
    *static_cast<void**>(slot) = slab.free_list;
    slab.free_list = slot;
    live_.fetch_sub(size_class.size, std::memory_order_relaxed);
    if (--slab.used == 0) {
      // One empty slab a size stays while there is plenty: objects that come and go must not map and unmap each time.
      slab.unlink();
      if (size_class.with_room.empty() && budget_.used() < budget_.limit() - budget_.limit() / 8) {
        size_class.with_room.push_back(slab);
      } else {
        empty = &slab;
      }
    } else if (!slab.linked()) {
      size_class.with_room.push_front(slab);
    }
  }
  if (empty) unmap(empty);
}

void Blocks::unmap(Slab* slab) {
  ::munmap(slab->memory, slab_bytes_);
  delete slab;
  budget_.give_back(slab_bytes_);
}

bool Blocks::trim() {
  bool any = false;
  for (const auto& size_class : classes_) {
    Slab* empty = nullptr;
    {
      const std::lock_guard lock(size_class->mutex);
      for (Slab* slab = size_class->with_room.first(); slab; slab = size_class->with_room.next(*slab)) {
        if (slab->used != 0) continue;
        slab->unlink();
        empty = slab;
        break;
      }
    }
    if (!empty) continue;
    unmap(empty);
    any = true;
  }
  return any;
}

}  // namespace cachenode::store
