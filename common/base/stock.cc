// SPDX-License-Identifier: BSD-2-Clause
#include "base/stock.h"

#include <cstdlib>

#ifdef TRIVET_TEST_HOOKS
#include <dlfcn.h>
#endif

#include "base/check.h"

namespace base {
namespace {

// Plain data, so that it may be used until the thread's very end.
struct Stock {
  void* pieces[stock_pieces];
  std::size_t count;
  bool begun;  // was full once: this thread receives
  bool closed;
};
constinit thread_local Stock stock{};

struct Guard {
  bool active = true;
  ~Guard() {
    stock.closed = true;
    while (stock.count > 0) std::free(stock.pieces[--stock.count]);
  }
};
thread_local Guard guard;

}  // namespace

void* allocate(std::size_t size) {
#ifdef TRIVET_TEST_HOOKS
  // A sanitizer has the allocator, so that a test's library cannot stand before it and is asked instead.
  static const auto fails = reinterpret_cast<bool (*)(std::size_t)>(::dlsym(RTLD_DEFAULT, "trivet_fails_allocation"));
  if (fails && fails(size)) return nullptr;
#endif
  return std::malloc(size);
}

void* allocate_surely(std::size_t size) {
  if (void* memory = allocate(size)) return memory;
  CHECK_MSG(size <= stock_piece, "out of memory");
  return take_from_stock();
}

void* take_from_stock() {
  CHECK_MSG(stock.count > 0, "out of memory");
  return stock.pieces[--stock.count];
}

bool return_to_stock(void* piece) {
  if (!stock.begun || stock.closed || stock.count == stock_pieces) return false;
  stock.pieces[stock.count++] = piece;
  return true;
}

bool stock_filled() {
  while (stock.count < stock_pieces) {
    if (stock.closed || !guard.active) return true;
    void* piece = allocate(stock_piece);
    if (!piece) return false;
    stock.pieces[stock.count++] = piece;
  }
  stock.begun = true;
  return true;
}

}  // namespace base
