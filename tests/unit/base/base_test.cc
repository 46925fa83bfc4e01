// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/handle.h"
#include "base/list.h"
#include "base/result.h"

namespace {

struct Item : base::ListLink<> {
  explicit Item(int n) : number(n) {}
  int number;
};

std::vector<int> numbers(base::List<Item>& list) {
  std::vector<int> out;
  for (Item* item = list.first(); item; item = list.next(*item)) out.push_back(item->number);
  return out;
}

constexpr base::ReasonRow row{"limit", "{s} is longer than {a} bytes ({b})", 431};

}  // namespace

TEST_CASE("list keeps order and lets elements leave by themselves") {
  base::List<Item> list;
  Item one(1), three(3);
  {
    Item two(2);
    list.push_back(one);
    list.push_back(two);
    list.push_back(three);
    CHECK(numbers(list) == std::vector{1, 2, 3});
  }
  CHECK(numbers(list) == std::vector{1, 3});
  CHECK(list.pop_front() == &one);
  CHECK_FALSE(one.linked());
  list.insert(three, one);
  CHECK(numbers(list) == std::vector{1, 3});
}

TEST_CASE("list takes over another one in order") {
  base::List<Item> a, b, none;
  Item one(1), two(2), three(3), four(4);
  a.push_back(one);
  b.push_back(two);
  b.push_back(three);
  a.take(b);
  CHECK(b.empty());
  CHECK(numbers(a) == std::vector{1, 2, 3});
  a.take(none);
  b.push_back(four);
  b.take(a);
  CHECK(a.empty());
  CHECK(numbers(b) == std::vector{4, 1, 2, 3});
}

TEST_CASE("a stale handle finds nobody") {
  base::HandleTable<int> table;
  int a = 1, b = 2;
  const base::Handle first = table.add(&a);
  CHECK(table.find(first) == &a);
  table.remove(first);
  const base::Handle second = table.add(&b);
  CHECK(second.index == first.index);
  CHECK(table.find(first) == nullptr);
  CHECK(table.find(second) == &b);
  CHECK(table.find(base::Handle{}) == nullptr);
  CHECK(table.size() == 1);
}

TEST_CASE("byte helpers") {
  CHECK(base::trim(" \t a b\t ") == "a b");
  CHECK(base::iequals("Content-Length", "content-length"));
  CHECK_FALSE(base::iequals("a", "ab"));
  CHECK(base::parse_decimal("18446744073709551615") == UINT64_MAX);
  CHECK(base::parse_decimal("18446744073709551616") == std::nullopt);
  CHECK(base::parse_decimal("-1") == std::nullopt);
  CHECK(base::parse_decimal("") == std::nullopt);
  CHECK(base::to_hex(std::string_view("\x00\xff", 2)) == "00ff");
  CHECK(base::glob_match("_ga*", "_ga_X1"));
  CHECK(base::glob_match("*a*b", "xxaxxab"));
  CHECK_FALSE(base::glob_match("_ga*", "_g"));
  CHECK(base::seeded_hash("a") != base::seeded_hash("b"));
  CHECK(base::seeded_hash("a long enough key") == base::seeded_hash("a long enough key"));
  CHECK(base::escape("a\"\n") == "a\\x22\\x0A");
  std::string parts;
  base::split("a,,b", ',', [&](std::string_view part) { parts += '[' + std::string(part) + ']'; });
  CHECK(parts == "[a][][b]");
}

TEST_CASE("a fake clock moves only when told, the wall can step alone") {
  base::FakeClock clock(1000);
  const auto start = clock.now();
  clock.refresh();
  CHECK(clock.now() == start);
  clock.advance(std::chrono::seconds(5));
  CHECK(clock.now() - start == std::chrono::seconds(5));
  CHECK(clock.unix_seconds() == 1005);
  clock.step_wall(std::chrono::hours(-1));
  CHECK(clock.unix_seconds() == 1005 - 3600);
  CHECK(clock.now() - start == std::chrono::seconds(5));
}

TEST_CASE("reasons are rendered when printed") {
  const base::Reason reason{&row, 100, 7, "Cookie"};
  CHECK(reason.code() == "limit:Cookie");
  CHECK(reason.text() == "Cookie is longer than 100 bytes (7)");
  CHECK(reason.is(row));
  const base::Result<int> failed = base::fail(row, base::Side::client, 1);
  CHECK_FALSE(failed.has_value());
  CHECK(failed.error().side == base::Side::client);
}
