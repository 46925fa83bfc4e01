// SPDX-License-Identifier: BSD-2-Clause
// Two books of the same servers, one in each process of an upgrade, and what is said between them, delivered by hand.
#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <memory>
#include <random>

#include <sys/socket.h>
#include <unistd.h>

#include "process/handover_link.h"
#include "process/handover_predecessor.h"
#include "process/handover_slots.h"
#include "process/handover_upgrade.h"

namespace {

using http::Admission;
using http::Ticket;
using namespace process;

class Desk final : public http::TicketDesk {
 public:
  bool here() const override { return true; }
  void wake() override {}
  base::TimePoint now() const override { return time; }
  base::TimePoint time{};
};

// The first that is free, as servers of a backend are.
const http::FirstFree policy;

std::shared_ptr<Admission> make_book(const std::map<std::string, std::uint32_t>& limits, std::uint32_t max_waiting = 1024) {
  auto book = std::make_shared<Admission>("b", Admission::Options{max_waiting}, policy);
  for (const auto& [name, limit] : limits) book->add_row(name, limit, 1, true);
  return book;
}

// Both sides; messages wait until they are delivered.
struct Pair {
  Desk old_desk, new_desk;
  std::shared_ptr<Admission> old_book, new_book;
  std::deque<std::string> to_new, to_old;
  std::unique_ptr<BorrowedSlots> borrowed;
  std::unique_ptr<LentSlots> lent;
  bool accepts = false;

  explicit Pair(const std::map<std::string, std::uint32_t>& limits) : Pair(make_book(limits), make_book(limits)) {}
  Pair(std::shared_ptr<Admission> before, std::shared_ptr<Admission> after) : old_book(std::move(before)), new_book(std::move(after)) {
    borrowed = std::make_unique<BorrowedSlots>(HandoverBooks{{"b", old_book}}, [this](const wire::Writer& message) { to_new.push_back(message.bytes()); });
    lent = std::make_unique<LentSlots>(HandoverBooks{{"b", new_book}}, new_desk, nullptr, [this](const wire::Writer& message) { to_old.push_back(message.bytes()); });
  }
  // One message to the new process, or to the old one. False: there is none.
  bool deliver_to_new() {
    if (to_new.empty()) return false;
    const std::string bytes = std::move(to_new.front());
    to_new.pop_front();
    wire::Reader in(bytes);
    const auto what = static_cast<Handed>(in.number());
    if (what == Handed::all_lent) accepts = true;
    else REQUIRE(lent->handle(what, in, {}));
    check();
    return true;
  }
  bool deliver_to_old() {
    if (to_old.empty()) return false;
    const std::string bytes = std::move(to_old.front());
    to_old.pop_front();
    wire::Reader in(bytes);
    const auto what = static_cast<Handed>(in.number());
    REQUIRE(borrowed->handle(what, in, {}));
    check();
    return true;
  }
  void look() {
    borrowed->look({});
    check();
    lent->look({});
    check();
  }
  // Until nothing more is said.
  void settle() {
    for (int i = 0; i < 200; ++i) {
      look();
      while (deliver_to_new()) {}
      while (deliver_to_old()) {}
    }
  }
  // What both use together, beyond what the new one counts as used elsewhere.
  void check() const {
    old_book->verify();
    new_book->verify();
    if (!accepts) return;  // the new process does not use anything yet
    for (const http::ServerRow& row : new_book->copy_rows()) {
      if (row.own_limit() == 0) continue;
      std::uint32_t elsewhere = 0;
      for (const http::ServerRow& other : old_book->copy_rows())
        if (other.name == row.name && other.leased) elsewhere = other.used;
      INFO(row.name << " used " << row.used << " away " << row.away << " elsewhere " << elsewhere);
      CHECK(elsewhere <= row.away);
      CHECK(row.used - row.away + elsewhere <= row.own_limit());
    }
  }
};

struct Client {
  Client(Desk& desk, Admission& book) : ticket(desk, nullptr) { book.enter(ticket, {}, {}); }
  bool served() const { return ticket.state() == Ticket::State::granted; }
  Ticket ticket;
};

}  // namespace

TEST_CASE("what the old process uses is used in the new one; what it returns is free there") {
  Pair both({{"s1", 1}, {"s2", 1}});
  Client a(both.old_desk, *both.old_book);
  REQUIRE(a.served());
  both.borrowed->begin();
  // Lent, before the new one knows of it: the old one uses no more than it had.
  Client waits(both.old_desk, *both.old_book);
  CHECK_FALSE(waits.served());
  while (both.deliver_to_new()) {}
  CHECK(both.lent->away() == 1);
  Client first(both.new_desk, *both.new_book), second(both.new_desk, *both.new_book);
  CHECK(first.served());
  CHECK_FALSE(second.served());
  SECTION("the old one's own tickets go first") {
    a.ticket.cancel();
    CHECK(waits.served());
    both.settle();
    CHECK_FALSE(second.served());
    waits.ticket.cancel();
    both.settle();
    CHECK(second.served());
    CHECK(both.lent->away() == 0);
  }
  SECTION("its end returns everything") {
    both.lent->end({});
    CHECK(second.served());
    CHECK(both.new_book->totals().active == 2);
    both.new_book->verify();
  }
  first.ticket.cancel();
  second.ticket.cancel();
}

TEST_CASE("who waits at the old process is served by the new one's slots, before those who came later") {
  Pair both({{"s", 1}});
  both.borrowed->begin();
  while (both.deliver_to_new()) {}
  Client running(both.new_desk, *both.new_book), later(both.new_desk, *both.new_book);
  Client early(both.old_desk, *both.old_book);
  REQUIRE(running.served());
  both.settle();
  CHECK_FALSE(early.served());
  running.ticket.cancel();
  both.settle();
  CHECK(early.served());
  CHECK_FALSE(later.served());
  early.ticket.cancel();
  both.settle();
  CHECK(later.served());
  CHECK(both.lent->away() == 0);
}

TEST_CASE("a slot is not kept for somebody who left") {
  Pair both({{"s", 1}});
  both.borrowed->begin();
  while (both.deliver_to_new()) {}
  Client running(both.new_desk, *both.new_book), later(both.new_desk, *both.new_book);
  auto early = std::make_unique<Client>(both.old_desk, *both.old_book);
  both.settle();
  running.ticket.cancel();
  both.lent->look({});  // granted, and the word is under way
  early.reset();
  both.settle();
  CHECK(later.served());
}

TEST_CASE("servers and books that only one of them has") {
  Pair both(make_book({{"gone", 1}, {"s", 1}}), make_book({{"s", 1}, {"new", 1}}));
  Client a(both.old_desk, *both.old_book);
  REQUIRE(a.served());
  REQUIRE(a.ticket.row() == 0);
  both.borrowed->begin();
  both.settle();
  // Nobody else has it: the old one goes by its own limit.
  CHECK_FALSE(both.old_book->copy_rows()[0].leased);
  a.ticket.cancel();
  Client again(both.old_desk, *both.old_book);
  CHECK(again.served());
  // The new one's "new" is of no use to the old one, which asks for "s" by name then.
  Client in_new(both.new_desk, *both.new_book), in_s(both.new_desk, *both.new_book);
  REQUIRE(both.new_book->totals().active == 2);
  Client waits(both.old_desk, *both.old_book);
  both.settle();
  CHECK_FALSE(waits.served());
  in_new.ticket.cancel();
  both.settle();
  CHECK_FALSE(waits.served());
  in_s.ticket.cancel();
  both.settle();
  CHECK(waits.served());
  CHECK(both.old_book->copy_rows()[1].used == 1);
}

TEST_CASE("an upgrade that comes to nothing: the books are the old one's again") {
  Pair both({{"s", 2}});
  Client a(both.old_desk, *both.old_book);
  both.borrowed->begin();
  Client b(both.old_desk, *both.old_book), c(both.old_desk, *both.old_book);
  CHECK_FALSE(b.served());
  both.borrowed->end({});
  CHECK(b.served());
  CHECK_FALSE(c.served());
  CHECK(both.old_book->totals().active == 2);
}

TEST_CASE("any order of events: never more than the limit, nobody forgotten, nothing lost") {
  std::mt19937 random(GENERATE(1, 2, 3, 4, 5, 6, 7, 8));
  const std::map<std::string, std::uint32_t> limits{{"s1", 1}, {"s2", 2}, {"s3", 1}};
  Pair both(limits);
  std::vector<std::unique_ptr<Client>> old_clients, new_clients;
  const auto leave = [&](auto& clients) {
    if (!clients.empty()) clients.erase(clients.begin() + static_cast<long>(random() % clients.size()));
  };
  for (int i = 0; i < 6; ++i) old_clients.push_back(std::make_unique<Client>(both.old_desk, *both.old_book));
  both.borrowed->begin();
  while (both.deliver_to_new()) {}
  for (int i = 0; i < 2000; ++i) {
    switch (random() % 8) {
      case 0: if (old_clients.size() < 8) old_clients.push_back(std::make_unique<Client>(both.old_desk, *both.old_book)); break;
      case 1: if (new_clients.size() < 8) new_clients.push_back(std::make_unique<Client>(both.new_desk, *both.new_book)); break;
      case 2: leave(old_clients); break;
      case 3: leave(new_clients); break;
      case 4: both.deliver_to_new(); break;
      case 5: both.deliver_to_old(); break;
      case 6: both.borrowed->look({}); break;
      case 7: both.lent->look({}); break;
    }
    both.check();
  }
  // Everybody is served in the end.
  for (int i = 0; i < 100 && !(old_clients.empty() && new_clients.empty()); ++i) {
    both.settle();
    const auto served = [](const auto& client) { return client->served(); };
    const auto before = old_clients.size() + new_clients.size();
    std::erase_if(old_clients, served);
    std::erase_if(new_clients, served);
    CHECK(old_clients.size() + new_clients.size() < before);
  }
  both.settle();
  CHECK(both.lent->away() == 0);
  CHECK(both.new_book->totals().active == 0);
  CHECK(both.old_book->totals().active == 0);
}

TEST_CASE("the link queues what the socket does not take and brings descriptors") {
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
  HandoverLink one{net::Descriptor(pair[0])}, other{net::Descriptor(pair[1])};
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const std::string much(50'000, 'x');
  for (int i = 0; i < 20; ++i) {
    const int fd[] = {ends[1]};
    wire::Writer message = handed(Handed::state);
    one.send(message.number(i).text(much), fd);
  }
  ::close(ends[1]);  // the copies that wait are their own
  CHECK(one.waits());
  for (int i = 0; i < 20; ++i) {
    auto got = other.next();
    if (!got) {
      one.flush();
      got = other.next();
    }
    REQUIRE(got);
    wire::Reader in(got->bytes);
    CHECK(in.number() == static_cast<std::int64_t>(Handed::state));
    CHECK(in.number() == i);
    REQUIRE(got->descriptors.size() == 1);
    CHECK(::write(got->descriptors[0].get(), "y", 1) == 1);
    one.flush();
  }
  CHECK_FALSE(other.next());
  CHECK_FALSE(other.ended());
  one.close();
  CHECK_FALSE(other.next());
  CHECK(other.ended());
  ::close(ends[0]);
}

TEST_CASE("what was offered is taken by key, once") {
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
  HandoverLink old{net::Descriptor(pair[0])};
  Predecessor before{net::Descriptor(pair[1])};
  auto listener = net::Listener::open(*net::Address::parse("127.0.0.1:0"), 3, {}, "x");
  REQUIRE(listener);
  old.send(handed(Handed::hello).number(handover_version).number(3).number(4).number(5));
  for (const int first : {0, 2}) {
    std::vector<int> some;
    for (int i = first; i < std::min(first + 2, 3); ++i) some.push_back((*listener)->fd(static_cast<std::size_t>(i)));
    old.send(handed(Handed::listener).number(0).text("127.0.0.1:0").number(0), some);
  }
  old.send(handed(Handed::state).text("half "));
  old.send(handed(Handed::state).text("and half"));
  old.send(handed(Handed::offered));
  REQUIRE_FALSE(before.receive());
  CHECK(before.workers() == 3);
  CHECK(before.upgrades_well() == 4);
  CHECK(before.state() == "half and half");
  CHECK_FALSE(before.take(Predecessor::Kind::control, "127.0.0.1:0"));
  const auto taken = before.take(Predecessor::Kind::clients, "127.0.0.1:0");
  REQUIRE(taken);
  CHECK(taken->size() == 3);
  CHECK(taken->address().text() == (*listener)->address().text());
  CHECK_FALSE(before.take(Predecessor::Kind::clients, "127.0.0.1:0"));
}

TEST_CASE("messages of another version, or a process that ends, are no handover") {
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
  HandoverLink old{net::Descriptor(pair[0])};
  Predecessor before{net::Descriptor(pair[1])};
  if (GENERATE(true, false)) old.send(handed(Handed::hello).number(handover_version + 1).number(3).number(4).number(5));
  else old.close();
  CHECK(before.receive());
}

TEST_CASE("the path of the program stays right") {
  CHECK(program_path("/usr/bin/env") == "/usr/bin/env");
  CHECK(program_path("./x").ends_with("/./x"));
  CHECK(program_path("./x").starts_with("/"));
  CHECK(program_path("env").ends_with("/env"));
  CHECK(program_path("no-such-program-anywhere").empty());
}
