// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include "process/generation_book.h"

using process::Generation;
using process::Pin;

TEST_CASE("a generation is drained when its last pin goes, and not while it is current") {
  Generation one, two, three;
  std::vector<const Generation*> drained;
  process::Generations generations(one, [&](const Generation& which) { drained.push_back(&which); });
  {
    Pin a = generations.pin(), b = generations.pin();
    CHECK(&*a == &one);
    { Pin gone = generations.pin(); }
    generations.use(two);
    CHECK(&generations.current() == &two);
    CHECK(&*b == &one);
    a.release();
    CHECK_FALSE(a);
    CHECK(drained.empty());
    Pin moved = std::move(b);
    CHECK_FALSE(b);
    CHECK(drained.empty());
    moved = generations.pin();
    CHECK(drained == std::vector<const Generation*>{&one});
    CHECK(&*moved == &two);
    generations.use(three);
    CHECK(drained.size() == 1);
  }
  CHECK(drained == std::vector<const Generation*>{&one, &two});
  generations.use(one);  // nothing pins the third
  CHECK(drained.back() == &three);
}

TEST_CASE("a generation lives until all its holders have let go") {
  struct Told final : Generation {
    explicit Told(bool& flag) : gone(flag) {}
    ~Told() override { gone = true; }
    bool& gone;
  };
  bool gone[2] = {false, false};
  process::GenerationBook book(2);
  Generation& first = book.add(std::make_unique<Told>(gone[0]));
  CHECK(first.number == 1);
  Generation& second = book.add(std::make_unique<Told>(gone[1]));
  CHECK(second.number == 2);
  CHECK(&book.current() == &second);
  CHECK_FALSE(book.released(first));
  CHECK_FALSE(gone[0]);
  CHECK(book.released(first));
  CHECK(gone[0]);
  CHECK_FALSE(gone[1]);
  CHECK(book.size() == 1);
}
