// SPDX-License-Identifier: BSD-2-Clause
// The admission book: nobody waits beside a free slot he may use, order ignores workers, no slot is lost.
#include "http/admission.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <optional>
#include <random>
#include <thread>

namespace {

using http::Admission;
using http::AdminState;
using http::no_row;
using http::ServerRow;
using http::Ticket;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A worker whose mail the test delivers, or loses.
class HeldDesk final : public http::TicketDesk {
 public:
  explicit HeldDesk(bool same_thread = false) : here_(same_thread) {}
  bool here() const override { return here_; }
  void wake() override {}
  base::TimePoint now() const override { return time; }
  base::TimePoint time{};

 private:
  bool here_;
};

base::TimePoint at(int ms) { return base::TimePoint{} + seconds(1000) + milliseconds(ms); }

std::uint32_t used(const Admission& book, std::size_t row) { return book.copy_rows()[row].used; }

}  // namespace

TEST_CASE("one anonymous row: limit, queue, refusal") {
  HeldDesk desk(true);
  Admission book("route", 2, 1);
  Ticket a(desk, nullptr), b(desk, nullptr), c(desk, nullptr), d(desk, nullptr);
  REQUIRE(book.enter(a, {}, at(0)) == Admission::Entry::granted);
  REQUIRE(book.enter(b, {}, at(0)) == Admission::Entry::granted);
  REQUIRE(book.enter(c, {}, at(0)) == Admission::Entry::queued);
  REQUIRE(book.enter(d, {}, at(0)) == Admission::Entry::refused);
  CHECK(d.refusal() == &http::admission_reason::queue_full);
  CHECK(c.state() == Ticket::State::waiting);
  auto slot = a.take_slot();
  CHECK(c.state() == Ticket::State::waiting);
  slot.reset();
  CHECK(c.state() == Ticket::State::granted);
  book.verify();
  CHECK(book.totals().active == 2);
  CHECK(book.totals().waiting == 0);
  // An untaken slot is returned with its ticket.
  c.cancel();
  b.cancel();
  CHECK(book.totals().active == 0);
}

TEST_CASE("order of arrival ignores workers and survives cancelled tickets") {
  std::mt19937 random(GENERATE(1, 2, 3, 4, 5));
  std::vector<std::unique_ptr<HeldDesk>> desks;
  for (int i = 0; i < 4; ++i) desks.push_back(std::make_unique<HeldDesk>());
  Admission book("b", 1, 1000);
  std::vector<std::unique_ptr<Ticket>> tickets;
  for (int i = 0; i < 100; ++i) {
    tickets.push_back(std::make_unique<Ticket>(*desks[random() % 4], nullptr));
    // The clocks of workers differ: arrival is the order of the book, not of these times.
    book.enter(*tickets.back(), {}, at(static_cast<int>(random() % 50)));
  }
  for (int i = 0; i < 30; ++i) tickets.erase(tickets.begin() + static_cast<long>(1 + random() % (tickets.size() - 1)));
  std::vector<std::uint64_t> order;
  while (!tickets.empty()) {
    for (auto& desk : desks) desk->deliver();
    std::size_t granted = 0, at_index = 0;
    for (std::size_t i = 0; i < tickets.size(); ++i)
      if (tickets[i]->state() == Ticket::State::granted) (++granted, at_index = i);
    REQUIRE(granted == 1);
    order.push_back(tickets[at_index]->arrival());
    tickets.erase(tickets.begin() + static_cast<long>(at_index));
    book.verify();
  }
  CHECK(order.size() == 70);
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("a slot in the mail that finds nobody goes to the next") {
  HeldDesk here(true), there(false);
  Admission book("b", 1, 10);
  Ticket holder(here, nullptr), next(here, nullptr);
  auto leaver = std::make_unique<Ticket>(there, nullptr);
  book.enter(holder, {}, at(0));
  book.enter(*leaver, {}, at(1));
  book.enter(next, {}, at(2));
  holder.cancel();
  REQUIRE(there.undelivered() == 1);
  CHECK(leaver->state() == Ticket::State::waiting);
  SECTION("the ticket is gone") { leaver.reset(); there.deliver(); }
  SECTION("the ticket was cancelled and waits anew") {
    leaver->cancel();
    book.enter(*leaver, {}, at(3));
    there.deliver();
    CHECK(leaver->state() == Ticket::State::waiting);
  }
  SECTION("it is never delivered") { there.lose(); leaver.reset(); }
  CHECK(next.state() == Ticket::State::granted);
  book.verify();
}

TEST_CASE("a retry takes its old place and is not subject to the queue's limit") {
  HeldDesk desk(true);
  Admission book("b", 1, 2);
  Ticket first(desk, nullptr), second(desk, nullptr), third(desk, nullptr), holder(desk, nullptr);
  book.enter(first, {}, at(0));
  book.enter(second, {}, at(1));
  book.enter(third, {}, at(2));
  auto slot = first.take_slot();
  slot.reset();  // to second
  REQUIRE(second.state() == Ticket::State::granted);
  book.enter(holder, {}, at(3));
  REQUIRE(book.enter(first, {.again = true}, at(4)) == Admission::Entry::queued);  // two wait already
  second.cancel();
  CHECK(first.state() == Ticket::State::granted);
  CHECK(third.state() == Ticket::State::waiting);
}

TEST_CASE("a lower class goes first, but waiting counts") {
  HeldDesk desk(true);
  Admission book("b", 1, 10);
  Ticket holder(desk, nullptr), normal(desk, nullptr), urgent(desk, nullptr), late(desk, nullptr);
  book.enter(holder, {}, at(0));
  book.enter(normal, {}, at(10));
  book.enter(urgent, {.priority = -1}, at(500));
  book.enter(late, {.priority = -1}, at(5000));
  holder.cancel();
  CHECK(urgent.state() == Ticket::State::granted);
  urgent.cancel();
  CHECK(normal.state() == Ticket::State::granted);
  normal.cancel();
  CHECK(late.state() == Ticket::State::granted);
}

TEST_CASE("named tickets wait for their server and are re-addressed when it goes") {
  HeldDesk desk(true);
  http::FirstFree policy;
  Admission book("b", {}, policy);
  book.add_row("s1", 1, 1, true);
  book.add_row("s2", 1, 1, true);
  Ticket a(desk, nullptr), b(desk, nullptr), named(desk, nullptr);
  book.enter(a, {.row = 1}, at(0));
  REQUIRE(a.row() == 1);
  REQUIRE(book.enter(named, {.row = 1}, at(1)) == Admission::Entry::queued);
  CHECK(book.copy_rows()[1].queued == 1);
  SECTION("draining keeps those who name it, and takes nobody else") {
    book.change(at(2), [](std::span<ServerRow> rows) { rows[1].admin = AdminState::drain; });
    CHECK(named.state() == Ticket::State::waiting);
    book.enter(b, {}, at(3));
    CHECK(b.row() == 0);
    a.cancel();
    CHECK(named.state() == Ticket::State::granted);
    CHECK(named.row() == 1);
  }
  SECTION("maintenance sends them elsewhere at once") {
    book.change(at(2), [](std::span<ServerRow> rows) { rows[1].admin = AdminState::maint; });
    CHECK(named.state() == Ticket::State::granted);
    CHECK(named.row() == 0);
  }
  SECTION("with nobody left nothing waits") {
    book.change(at(2), [](std::span<ServerRow> rows) { rows[0].up = rows[1].up = false; });
    CHECK(named.state() == Ticket::State::refused);
    CHECK(named.refusal() == &http::admission_reason::no_server);
    REQUIRE(book.enter(b, {}, at(3)) == Admission::Entry::refused);
    CHECK(b.refusal() == &http::admission_reason::no_server);
  }
  book.verify();
}

TEST_CASE("a server that refuses a connection attracts nobody") {
  HeldDesk desk(true);
  http::FirstFree policy;
  Admission book("b", {}, policy);
  book.add_row("dead", 1, 1, true);
  book.add_row("alive", 1, 1, true);
  const bool checked = GENERATE(true, false);
  book.change(at(0), [&](std::span<ServerRow> rows) { rows[0].out_for = checked ? base::Duration::max() : seconds(1); });
  std::vector<std::size_t> told;
  book.on_out([&](http::RowId row) { told.push_back(row.row); });
  Ticket a(desk, nullptr), b(desk, nullptr), waiting(desk, nullptr);
  book.enter(a, {}, at(0));
  book.enter(b, {}, at(0));
  REQUIRE(a.row() == 0);
  REQUIRE(book.enter(waiting, {}, at(1)) == Admission::Entry::queued);
  auto slot = a.take_slot();
  desk.time = at(10);
  slot->connect_failed();
  slot.reset();
  CHECK(told == std::vector<std::size_t>{0});
  CHECK(waiting.state() == Ticket::State::waiting);  // the free slot of a dead server is none
  CHECK(used(book, 0) == 0);
  book.tick(at(1009));
  CHECK(waiting.state() == Ticket::State::waiting);
  book.tick(at(1011));
  if (checked) {
    CHECK(waiting.state() == Ticket::State::waiting);
    book.change(at(1012), [](std::span<ServerRow> rows) { rows[0].restore(); });
    CHECK(waiting.state() == Ticket::State::granted);
  } else {
    REQUIRE(waiting.state() == Ticket::State::granted);  // the one that tries it
    book.change(at(1012), [](std::span<ServerRow> rows) { rows[0].configured_limit = 10; });
    Ticket c(desk, nullptr);
    CHECK(book.enter(c, {}, at(1012)) == Admission::Entry::queued);
    auto trial = waiting.take_slot();
    REQUIRE(trial->trial());
    book.succeeded(trial->id(), at(1013));
    CHECK(c.state() == Ticket::State::granted);
  }
  book.verify();
}

TEST_CASE("a connect that nobody answered does not take out the last server that nothing checks") {
  HeldDesk desk(true);
  http::FirstFree policy;
  Admission book("b", {}, policy);
  book.add_row("slow", 1, 1, true);
  const bool checked = GENERATE(true, false), others = GENERATE(true, false);
  if (others) book.add_row("other", 1, 1, true);
  book.change(at(0), [&](std::span<ServerRow> rows) { rows[0].out_for = checked ? base::Duration::max() : seconds(1); });
  Ticket a(desk, nullptr), b(desk, nullptr);
  book.enter(a, {}, at(0));
  REQUIRE(a.row() == 0);
  auto slot = a.take_slot();
  SECTION("timed out") {
    slot->connect_timed_out();
    slot.reset();
    CHECK(book.copy_rows()[0].out == (checked || others));
  }
  SECTION("refused") {
    slot->connect_failed();
    slot.reset();
    CHECK(book.copy_rows()[0].out);
  }
  book.verify();
}

TEST_CASE("a slot whose server never finished stays taken until a check succeeds") {
  HeldDesk desk(true);
  http::FirstFree policy;
  Admission book("b", {}, policy);
  book.add_row("s", 1, 1, true);
  const bool checked = GENERATE(true, false);
  book.change(at(0), [&](std::span<ServerRow> rows) { rows[0].out_for = checked ? base::Duration::max() : seconds(1); });
  Ticket a(desk, nullptr), b(desk, nullptr);
  book.enter(a, {}, at(0));
  book.enter(b, {}, at(0));
  auto slot = a.take_slot();
  slot->drain_timed_out();
  slot.reset();
  CHECK((b.state() == Ticket::State::granted) == !checked);
  if (checked && GENERATE(false, true)) {
    b.cancel();
    return;  // the book may end with what is held
  }
  book.change(at(1), [](std::span<ServerRow> rows) { rows[0].restore(); });
  CHECK(b.state() == Ticket::State::granted);
  b.cancel();
  CHECK(book.totals().active == 0);
}

TEST_CASE("limits of a one-row book change while it is used") {
  HeldDesk desk(true);
  Admission book("route", 1, 2);
  Ticket a(desk, nullptr), b(desk, nullptr), c(desk, nullptr), d(desk, nullptr);
  book.enter(a, {}, at(0));
  book.enter(b, {}, at(0));
  book.enter(c, {}, at(0));
  REQUIRE(book.enter(d, {}, at(0)) == Admission::Entry::refused);
  book.set_limits(2, 1, at(1));
  CHECK(b.state() == Ticket::State::granted);
  CHECK(c.state() == Ticket::State::waiting);  // stays, although no other would be let in
  CHECK(book.enter(d, {}, at(1)) == Admission::Entry::refused);
  book.set_limits(1, 5, at(2));
  CHECK(used(book, 0) == 2);                   // who runs may finish
  REQUIRE(book.enter(d, {}, at(2)) == Admission::Entry::queued);
  a.cancel();
  CHECK(c.state() == Ticket::State::waiting);
  b.cancel();
  CHECK(c.state() == Ticket::State::granted);
  book.set_limits(0, 5, at(3));
  CHECK(d.state() == Ticket::State::granted);
  book.verify();
}

TEST_CASE("rows come and go") {
  HeldDesk desk(true);
  http::FirstFree policy;
  Admission book("b", {}, policy);
  int first_owner = 0, second_owner = 0;
  const auto endpoint = std::make_shared<http::Endpoint>();
  ServerRow row;
  row.name = "s1";
  row.configured_limit = 1;
  row.owner = &first_owner;
  row.endpoint = endpoint;
  REQUIRE(book.add_row(row) == 0);
  Ticket a(desk, nullptr), named(desk, nullptr), general(desk, nullptr);
  book.enter(a, {}, at(0));
  auto slot = a.take_slot();
  CHECK(slot->owner() == &first_owner);
  CHECK(slot->endpoint() == endpoint);
  const http::RowId id = slot->id();
  REQUIRE(book.enter(named, {.row = 0}, at(0)) == Admission::Entry::queued);
  SECTION("a row that is added takes who waits") {
    REQUIRE(book.enter(general, {}, at(1)) == Admission::Entry::queued);
    CHECK(book.add_row("s2", 1, 1, true) == 1);
    CHECK(general.state() == Ticket::State::granted);
    CHECK(general.row() == 1);
    CHECK(named.state() == Ticket::State::waiting);
    book.remove_row(0, at(2));
    CHECK(named.state() == Ticket::State::waiting);  // for the other now
    general.cancel();
    CHECK(named.row() == 1);
    CHECK(book.find_row("s1") == no_row);
    CHECK(book.row_used(0));
    slot->connect_failed();                          // nobody asks any more
    slot->drain_timed_out();
    slot.reset();
    REQUIRE_FALSE(book.row_used(0));
    book.free_row(0);
    CHECK(endpoint.use_count() == 2);                // here and in `row`
    row.name = "s3";
    row.owner = &second_owner;
    row.trial = true;
    REQUIRE(book.add_row(row) == 0);
    CHECK(book.find_row("s3") == 0);
    CHECK(book.rows() == 2);
    book.succeeded(id, at(3));                       // meant the one before
    CHECK(book.copy_rows()[0].trial);
    book.succeeded({0, id.serial + 1}, at(3));
    CHECK_FALSE(book.copy_rows()[0].trial);
    Ticket c(desk, nullptr);
    book.enter(c, {.row = 0}, at(4));
    CHECK(c.take_slot()->owner() == &second_owner);
  }
  SECTION("with the last row gone nobody waits; the same name may come back while the old one drains") {
    book.remove_row(0, at(1));
    CHECK(named.state() == Ticket::State::refused);
    CHECK(named.refusal() == &http::admission_reason::no_server);
    REQUIRE(book.add_row("s1", 1, 1, true) == 1);
    CHECK(book.find_row("s1") == 1);
    REQUIRE(book.enter(general, {.row = 1}, at(2)) == Admission::Entry::granted);
    CHECK(general.row() == 1);
  }
  SECTION("what is held against a server goes with it") {
    book.change(at(1), [](std::span<ServerRow> rows) { rows[0].out_for = base::Duration::max(); });
    slot->drain_timed_out();
    slot.reset();
    REQUIRE(used(book, 0) == 1);
    book.remove_row(0, at(2));
    CHECK_FALSE(book.row_used(0));
    book.free_row(0);
  }
  book.verify();
}

namespace {
struct LastFree final : http::PickPolicy {
  std::size_t pick(std::span<const ServerRow> rows) const override {
    for (std::size_t i = rows.size(); i-- > 0;)
      if (rows[i].in_choice() && rows[i].free()) return i;
    return no_row;
  }
  void apply(std::span<ServerRow>, std::size_t) const override {}
};
}  // namespace

TEST_CASE("policy and length of the queue change while the book is used") {
  HeldDesk desk(true);
  http::FirstFree first;
  LastFree last;
  Admission book("b", {.max_waiting = 0}, first);
  book.add_row("s1", 1, 1, true);
  book.add_row("s2", 1, 1, true);
  Ticket a(desk, nullptr), b(desk, nullptr), c(desk, nullptr);
  book.set_policy(last, at(0));
  book.enter(a, {}, at(0));
  CHECK(a.row() == 1);
  book.enter(b, {}, at(0));
  REQUIRE(book.enter(c, {}, at(0)) == Admission::Entry::refused);
  book.set_max_waiting(1);
  CHECK(book.enter(c, {}, at(0)) == Admission::Entry::queued);
}

TEST_CASE("random histories: the invariant holds and every slot is somewhere") {
  const unsigned seed = GENERATE(range(1u, 41u));
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto chance = [&](unsigned n) { return random() % n == 0; };
  http::FirstFree policy;
  std::vector<std::unique_ptr<HeldDesk>> desks;
  for (int i = 0; i < 3; ++i) desks.push_back(std::make_unique<HeldDesk>(i == 0));
  Admission book("b", {.max_waiting = 12}, policy);
  for (int i = 0; i < 3; ++i) book.add_row("s" + std::to_string(i), random() % 3, 1, !chance(4));
  book.change(at(0), [](std::span<ServerRow> rows) {
    rows[0].out_for = base::Duration::max();
    rows[1].out_for = milliseconds(20);
  });
  std::vector<std::unique_ptr<Ticket>> tickets(24);
  std::vector<std::unique_ptr<http::Slot>> slots;
  int time = 0;
  for (int step = 0; step < 3000; ++step) {
    time += static_cast<int>(random() % 3);
    for (auto& desk : desks) desk->time = at(time);
    auto& t = tickets[random() % tickets.size()];
    switch (random() % 12) {
      case 0: case 1: case 2: case 3:
        if (!t) t = std::make_unique<Ticket>(*desks[random() % 3], nullptr);
        if (t->state() == Ticket::State::idle || t->state() == Ticket::State::refused)
          book.enter(*t, {.row = chance(3) ? random() % 3 : no_row, .priority = static_cast<int>(random() % 3) - 1, .again = t->arrival() && chance(2)}, at(time));
        break;
      case 4:
        if (t && t->state() == Ticket::State::granted) slots.push_back(t->take_slot());
        break;
      case 5: case 6:
        if (!slots.empty()) {
          auto& slot = slots[random() % slots.size()];
          if (chance(8)) slot->connect_failed();
          if (chance(8)) slot->drain_timed_out();
          std::swap(slot, slots.back());
          slots.pop_back();
        }
        break;
      case 7: if (t) t->cancel(); break;
      case 8: t.reset(); break;
      case 9:
        if (auto& desk = *desks[random() % 3]; chance(8)) desk.lose();
        else desk.deliver(1);
        break;
      case 10:
        book.change(at(time), [&](std::span<ServerRow> rows) {
          ServerRow& r = rows[random() % 3];
          if (chance(2)) r.up = !r.up;
          if (chance(2)) r.admin = static_cast<AdminState>(random() % 3);
          if (chance(3)) r.configured_limit = random() % 4;
          if (chance(3)) r.override_weight = random() % 3;
          if (chance(3)) r.restore();
        });
        break;
      default: book.tick(at(time));
    }
    book.verify();
    // No slot is lost: all that are used are held here, granted to a ticket, in the mail, or held against a server.
    std::uint32_t known = static_cast<std::uint32_t>(slots.size()), held = 0;
    for (auto& ticket : tickets) known += ticket && ticket->state() == Ticket::State::granted;
    for (const ServerRow& row : book.copy_rows()) held += row.held;
    std::size_t in_mail = 0;
    for (auto& desk : desks) in_mail += desk->undelivered();
    const std::uint32_t active = book.totals().active;
    REQUIRE(active >= known);
    REQUIRE(active <= known + in_mail + slots.size() + held);
  }
  // Whatever was lost in the mail came back: with everybody gone and good checks, nothing is used.
  slots.clear();
  tickets.clear();
  for (auto& desk : desks) desk->lose();
  book.change(at(time), [](std::span<ServerRow> rows) { for (auto& r : rows) r.restore(); });
  CHECK(book.totals().active == 0);
  CHECK(book.totals().waiting == 0);
}

namespace {

// A worker thread's mail with a lock, as the real one has.
class ThreadDesk final : public http::TicketDesk {
 public:
  bool here() const override { return std::this_thread::get_id() == thread; }
  base::TimePoint now() const override { return {}; }
  void wake() override {
    std::lock_guard lock(mutex);
    woken = true;
    condition.notify_one();
  }
  // False if nothing came for a long time: a lost wake-up.
  bool wait_for(const std::function<bool()>& done) {
    while (!done()) {
      {
        std::unique_lock lock(mutex);
        if (!condition.wait_for(lock, seconds(30), [&] { return woken; })) return false;
        woken = false;
      }
      deliver();
    }
    return true;
  }
  std::atomic<std::thread::id> thread;
  std::mutex mutex;
  std::condition_variable condition;
  bool woken = false;
};

}  // namespace

TEST_CASE("threads: the limit holds, every ticket is served, nothing is left") {
  http::FirstFree policy;
  Admission book("b", {}, policy);
  book.add_row("s1", 1, 1, true);
  book.add_row("s2", 2, 1, true);
  std::array<std::atomic<int>, 2> running{};
  std::atomic<int> served{0}, over{0}, lost{0};
  std::array<ThreadDesk, 4> desks;
  std::vector<std::thread> threads;
  for (std::size_t w = 0; w < desks.size(); ++w) {
    threads.emplace_back([&, w] {
      desks[w].thread = std::this_thread::get_id();
      std::mt19937 random(static_cast<unsigned>(w));
      for (int i = 0; i < 2000 && lost == 0; ++i) {
        Ticket ticket(desks[w], nullptr), leaver(desks[w], nullptr);
        book.enter(leaver, {}, at(0));
        if (book.enter(ticket, {.row = random() % 4 == 0 ? random() % 2 : no_row}, at(0)) == Admission::Entry::refused) {
          ++over;
          continue;
        }
        leaver.cancel();  // queued, granted, or its slot in the mail
        if (!desks[w].wait_for([&] { return ticket.state() == Ticket::State::granted; })) {
          ++lost;
          break;
        }
        auto slot = ticket.take_slot();
        if (++running[slot->row()] > static_cast<int>(slot->row() + 1)) ++over;
        --running[slot->row()];
        ++served;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (auto& desk : desks) desk.lose();
  CHECK(lost == 0);
  CHECK(over == 0);
  CHECK(served == 8000);
  book.verify();
  CHECK(book.totals().active == 0);
  CHECK(book.totals().waiting == 0);
}

TEST_CASE("threads: rows are added, removed and freed while others use the book") {
  http::FirstFree policy;
  Admission book("b", {}, policy);
  struct Owner {
    std::atomic<int> running{0};
    std::atomic<bool> freed{false};
  };
  std::deque<Owner> owners;
  const auto row_of = [&](std::string_view name) {
    ServerRow row;
    row.name = name;
    row.configured_limit = 1;
    row.owner = &owners.emplace_back();
    auto endpoint = std::make_shared<http::Endpoint>();
    endpoint->name = name;
    row.endpoint = std::move(endpoint);
    return row;
  };
  book.add_row(row_of("always"));
  std::atomic<int> wrong{0}, lost{0}, done{0}, rounds{0};
  constexpr int wanted = 20;  // of rounds, however the threads take turns on a busy machine
  std::array<ThreadDesk, 2> desks;
  std::vector<std::thread> threads;
  for (std::size_t w = 0; w < desks.size(); ++w) {
    threads.emplace_back([&, w] {
      desks[w].thread = std::this_thread::get_id();
      for (int i = 0; (i < 3000 || rounds < wanted) && lost == 0; ++i) {
        Ticket ticket(desks[w], nullptr);
        const std::size_t named = i % 3 == 0 ? book.find_row("guest") : no_row;
        book.enter(ticket, {.row = named}, at(i));
        if (!desks[w].wait_for([&] { return ticket.state() != Ticket::State::waiting; }) || ticket.state() != Ticket::State::granted) {
          ++lost;
          break;
        }
        auto slot = ticket.take_slot();
        auto& owner = *static_cast<Owner*>(slot->owner());
        if (++owner.running != 1 || owner.freed || slot->endpoint()->name.empty()) ++wrong;
        if (i % 50 == 0) book.succeeded(slot->id(), at(i));
        --owner.running;
      }
      ++done;
    });
  }
  std::string name = "guest";
  while (done < static_cast<int>(desks.size())) {
    ServerRow guest = row_of(name);
    Owner& owner = *static_cast<Owner*>(guest.owner);
    const std::size_t row = book.add_row(std::move(guest));
    std::this_thread::yield();
    if (rounds % 7 == 0) book.copy_rows();
    book.remove_row(row, at(rounds));
    while (book.row_used(row)) std::this_thread::yield();
    owner.freed = true;
    book.free_row(row);
    ++rounds;
  }
  for (auto& thread : threads) thread.join();
  for (auto& desk : desks) desk.lose();
  CHECK(lost == 0);
  CHECK(wrong == 0);
  CHECK(rounds >= wanted);
  CHECK(book.rows() == 2);
  book.verify();
  CHECK(book.totals().active == 0);
}
