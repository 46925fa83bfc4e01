// SPDX-License-Identifier: BSD-2-Clause
// Memory whose size a peer decides: bytes received, heads, bodies. The system may have none. Who takes in more asks first and refuses; who
// is in the middle of work that cannot fail any more (a head to be written, bytes to be joined) may use this thread's stock, a few pieces
// that are put aside while there is memory. All of it is released with std::free(), by any thread.
#pragma once

#include <cstddef>

namespace base {

inline constexpr std::size_t stock_piece = 64 * 1024;
inline constexpr std::size_t stock_pieces = 8;  // a thread

// Null when there is none.
void* allocate(std::size_t size);
// From the stock when there is none; a failed check when that is used up, too, or `size` is larger than its pieces.
void* allocate_surely(std::size_t size);
// Fills this thread's stock. False while memory is short: nothing more should be taken in.
bool stock_filled();

}  // namespace base
