// SPDX-License-Identifier: BSD-2-Clause
// Memory that comes again with every request (exchanges, heads, leases, pieces of buffers) and goes to a free list of its thread
// instead of back to the heap. Blocks of up to 4 KiB, a bounded number of each size kept; larger ones, and all of them where a
// sanitizer shall see every life of a block, are the heap's. May be released by another thread than the one that took it.
#pragma once

#include <cstddef>
#include <string>

namespace base {

void* recycled_allocate(std::size_t size);
void recycled_free(void* memory, std::size_t size) noexcept;

// Base of classes whose objects are made for each request. Their destructor is virtual, or they are final.
struct Recycled {
  static void* operator new(std::size_t size) { return recycled_allocate(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { recycled_free(memory, size); }
};

template <class T>
struct RecycledAllocator {
  using value_type = T;
  RecycledAllocator() = default;
  template <class U>
  RecycledAllocator(const RecycledAllocator<U>&) noexcept {}
  T* allocate(std::size_t n) { return static_cast<T*>(recycled_allocate(n * sizeof(T))); }
  void deallocate(T* memory, std::size_t n) noexcept { recycled_free(memory, n * sizeof(T)); }
  template <class U>
  bool operator==(const RecycledAllocator<U>&) const noexcept { return true; }
};

using RecycledString = std::basic_string<char, std::char_traits<char>, RecycledAllocator<char>>;

}  // namespace base
