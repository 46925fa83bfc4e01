// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "base/stock.h"

TEST_CASE("a stock is filled, used up and given back, and is its thread's own") {
  std::thread([] {
    void* early = std::malloc(base::stock_piece);
    REQUIRE_FALSE(base::return_to_stock(early));  // nothing was put aside here yet: not a thread that receives
    std::free(early);

    REQUIRE(base::stock_filled());
    std::vector<void*> taken;
    for (std::size_t i = 0; i < base::stock_pieces; ++i) {
      taken.push_back(base::take_from_stock());
      std::memset(taken.back(), 'x', base::stock_piece);
    }
    for (void* piece : taken) REQUIRE(base::return_to_stock(piece));
    void* extra = std::malloc(base::stock_piece);
    REQUIRE_FALSE(base::return_to_stock(extra));  // it is full
    std::free(extra);

    std::free(base::take_from_stock());
    REQUIRE(base::stock_filled());  // again
    extra = std::malloc(base::stock_piece);
    REQUIRE_FALSE(base::return_to_stock(extra));
    std::free(extra);
  }).join();  // what is left in the stock goes with the thread: the leak check looks
}
