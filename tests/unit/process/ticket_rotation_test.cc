// SPDX-License-Identifier: BSD-2-Clause
// How long a session ticket can be used. Time is simulated.
#include <catch2/catch.hpp>

#include "net/event_loop.h"
#include "process/ticket_rotation.h"

namespace {

using Found = net::TicketKeys::Found;

TEST_CASE("a ticket's key is forgotten in time, however the wall clock is set") {
  const std::chrono::hours step(GENERATE(0, 24 * 365 * 20, -24 * 365 * 20));
  base::FakeClock clock;
  net::EventLoop loop(clock);
  auto keys = std::make_shared<net::TicketKeys>();
  process::TicketRotation rotation(loop, keys);
  const net::TicketKeys::Key first = keys->current();
  net::TicketKeys::Key found;
  loop.drain();
  clock.step_wall(step);
  loop.drain();
  CHECK(keys->find(first.name.data(), found) == Found::current);
  clock.advance(process::TicketRotation::interval);
  loop.drain();
  CHECK(keys->find(first.name.data(), found) == Found::older);
  clock.step_wall(-2 * step);
  for (int i = 0; i < 2; ++i) {
    clock.advance(process::TicketRotation::interval);
    loop.drain();
  }
  CHECK(keys->find(first.name.data(), found) == Found::no);
}

}  // namespace
