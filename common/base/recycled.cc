// SPDX-License-Identifier: BSD-2-Clause
#include "base/recycled.h"

#include <bit>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/stock.h"

namespace base {
namespace {

constexpr std::size_t smallest = 64, largest = 4096;
constexpr std::size_t classes = 13;  // powers of two and one and a half of each: an idle connection's objects waste a sixth instead of a third
constexpr std::size_t kept_bytes = 256 * 1024;  // of each size

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool keep = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool keep = false;
#else
constexpr bool keep = true;
#endif
#else
constexpr bool keep = true;
#endif

// Linked through their first bytes. Plain data, so that it may be used until the thread's very end.
struct FreeLists {
  void* first[classes];
  std::uint32_t count[classes];
  bool closed;
};
constinit thread_local FreeLists lists{};

struct Guard {
  bool active = true;
  ~Guard() {
    lists.closed = true;
    for (void*& list : lists.first) {
      while (list) {
        void* next = nullptr;
        std::memcpy(&next, list, sizeof next);
        std::free(std::exchange(list, next));
      }
    }
  }
};
thread_local Guard guard;

constexpr std::size_t size_of(std::size_t c) { return (c % 2 == 0 ? smallest : smallest / 2 * 3) << (c / 2); }
constexpr std::size_t class_of(std::size_t size) {
  if (size <= smallest) return 0;
  const auto doubled = static_cast<std::size_t>(std::bit_width(size - 1) - std::bit_width(smallest - 1));
  return 2 * doubled - (size <= size_of(2 * doubled - 1) ? 1 : 0);
}
static_assert(class_of(64) == 0 && class_of(65) == 1 && class_of(96) == 1 && class_of(97) == 2 && class_of(128) == 2 && class_of(384) == 5 &&
              size_of(5) == 384 && class_of(largest) == classes - 1 && size_of(classes - 1) == largest);

}  // namespace

void* recycled_allocate(std::size_t size) {
  const bool kept = keep && size <= largest;
  const std::size_t c = kept ? class_of(size) : 0;
  if (kept && lists.first[c]) {
    void* memory = lists.first[c];
    std::memcpy(&lists.first[c], memory, sizeof(void*));
    --lists.count[c];
    return memory;
  }
  return allocate_surely(kept ? size_of(c) : size);
}

void recycled_free(void* memory, std::size_t size) noexcept {
  if (!memory) return;
  const std::size_t c = size <= largest ? class_of(size) : 0;
  if (!keep || size > largest || lists.closed || lists.count[c] * size_of(c) >= kept_bytes || !guard.active) {
    std::free(memory);
    return;
  }
  std::memcpy(memory, &lists.first[c], sizeof(void*));
  lists.first[c] = memory;
  ++lists.count[c];
}

}  // namespace base
