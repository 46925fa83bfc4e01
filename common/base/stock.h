// SPDX-License-Identifier: BSD-2-Clause
// Memory whose size a peer decides: bytes received, heads, bodies. The system may have none. Who takes in more asks first and refuses; who
// is in the middle of work that cannot fail any more (a head to be written, bytes to be joined) may use this thread's stock, a few pieces
// that are put aside while there is memory. More than a piece at once, as for a head where its limit was raised, is not to be had from it and
// ends the process. All of it is released with std::free(), by any thread.
#pragma once

#include <cstddef>

namespace base {

inline constexpr std::size_t stock_piece = 64 * 1024;
inline constexpr std::size_t stock_pieces = 16;  // a thread

// Null when there is none.
void* allocate(std::size_t size);
// A piece of the stock; a failed check when that is used up, too.
void* take_from_stock();
// From the stock when there is none.
void* allocate_surely(std::size_t size);
// True if `piece`, of stock_piece bytes, is the stock's now because that was not full.
bool return_to_stock(void* piece);
// Fills this thread's stock. False while memory is short: nothing more should be taken in.
bool stock_filled();

}  // namespace base
