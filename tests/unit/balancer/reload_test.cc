// SPDX-License-Identifier: BSD-2-Clause
// Reloads of a balancer that serves: what both configurations have keeps its state, the identical object; nothing is left of the rest.
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>

#include "../process/fake_runtime.h"
#include "balancer/daemon.h"

namespace {

using balancer::BackendState;
using balancer::BalancerDaemon;
using balancer::Generation;
using balancer::Server;
using http::RowLife;

struct Serving : process_test::Serving<BalancerDaemon, Generation> {
  using process_test::Serving<BalancerDaemon, Generation>::Serving;
  // Generations that nobody pins are gone, and what waits for that goes.
  void forget_the_past() {
    while (generations.size() > 1) generations.erase(generations.begin());
    for (bool again = true; again;) {
      again = false;
      for (std::size_t i = 0; i < runtime.graves.size() && !again; ++i) {
        auto& grave = runtime.graves[i];
        if (grave.state.use_count() > 1 || (grave.in_use && grave.in_use())) continue;
        const auto dead = std::move(grave);
        runtime.graves.erase(runtime.graves.begin() + static_cast<std::ptrdiff_t>(i));
        if (dead.last) dead.last();
        again = true;
      }
    }
  }
  std::shared_ptr<BackendState> backend(const std::string& name) {
    const auto* found = now().plan->find_backend(name);
    return found ? found->state : nullptr;
  }
  std::shared_ptr<Server> server(const std::string& backend_name, const std::string& name) {
    for (const auto& s : backend(backend_name)->servers)
      if (s->name == name) return s;
    return nullptr;
  }
  http::ServerRow row(const Server& server, const std::string& backend_name) { return backend(backend_name)->book.copy_rows()[server.row]; }
  std::size_t live_rows() {
    std::size_t n = 0;
    for (const auto& b : now().plan->backends)
      for (const auto& r : b->state->book.copy_rows()) n += r.life != RowLife::unused;
    return n;
  }
  std::string run(const std::string& line) {
    process::AdminRegistry registry;
    daemon.commands(registry);
    process::Reply reply;
    registry.run(process::AdminRegistry::split(line), process::AdminLevel::admin, reply);
    return reply.text;
  }
};

std::string server(const std::string& name, int port, const std::string& more = "") {
  return "[[backend.server]]\nname = \"" + name + "\"\naddress = \"127.0.0.1:" + std::to_string(port) + "\"\n" + more;
}

std::string front(const std::string& backend, const std::string& top = "") {
  return top + "[[frontend]]\nname = \"in\"\nbind = \"127.0.0.1:8080\"\ndefault_backend = \"" + backend + "\"\n";
}

const std::string app = "[[backend]]\nname = \"app\"\n";

}  // namespace

TEST_CASE("A, B, A: what both have is the same object, of the rest nothing is left") {
  const std::string a = front("app") + app + server("s1", 8081) + server("s2", 8082) + "[[backend]]\nname = \"static\"\n" + server("t1", 8091);
  const std::string b = front("app") + app + server("s1", 8081) + server("s2", 9082) + server("s3", 8083) + "[[backend]]\nname = \"other\"\n" + server("o1", 8099);
  Serving serving(a);
  const auto book = serving.backend("app");
  const auto s1 = serving.server("app", "s1");
  const auto s1_endpoint = s1->endpoint;
  const auto in = serving.now().plan->frontends[0]->state;
  const std::weak_ptr<Server> s2 = serving.server("app", "s2"), t1 = serving.server("static", "t1");
  const std::weak_ptr<const http::Endpoint> s2_endpoint = s2.lock()->endpoint;
  const std::weak_ptr<BackendState> fixed = serving.backend("static");
  REQUIRE(serving.daemon.checker()->tasks() == 3);

  const Generation& second = serving.reload(b);
  CHECK(serving.backend("app") == book);
  CHECK(serving.server("app", "s1") == s1);
  CHECK(s1->endpoint == s1_endpoint);
  CHECK(second.plan->frontends[0]->state == in);
  CHECK(serving.server("app", "s2") != s2.lock());
  CHECK(serving.runtime.buried(s2.lock().get()));
  CHECK(serving.runtime.buried(fixed.lock().get()));
  REQUIRE(second.gone.size() == 2);  // workers forget s2's old address, and t1
  CHECK(serving.daemon.checker()->tasks() == 4);
  CHECK(serving.row(*s2.lock(), "app").life == RowLife::removed);
  const std::weak_ptr<Server> s3 = serving.server("app", "s3"), new_s2 = serving.server("app", "s2");
  const std::weak_ptr<BackendState> other = serving.backend("other");
  serving.forget_the_past();
  CHECK(s2.expired());
  CHECK(t1.expired());
  CHECK(fixed.expired());
  CHECK(serving.runtime.graves.empty());

  serving.reload(a);
  serving.forget_the_past();
  CHECK(serving.backend("app") == book);
  CHECK(serving.server("app", "s1") == s1);
  CHECK(s1->endpoint == s1_endpoint);
  CHECK(s2_endpoint.expired());  // the generation that had it forgotten is gone, too
  CHECK(s3.expired());
  CHECK(new_s2.expired());
  CHECK(other.expired());
  CHECK(serving.runtime.graves.empty());
  CHECK(serving.daemon.checker()->tasks() == 3);
  CHECK(serving.live_rows() == 3);
  CHECK(book->book.rows() == 4);  // s2, s2 of B, s3, s2: the index of the first was used again
}

TEST_CASE("a thousand reloads among random configurations leave nothing behind and keep what is the same") {
  std::mt19937 random(GENERATE(1u, 2u, 3u));
  struct Want {
    int port, weight, maxconn;
    bool check;
    bool operator==(const Want&) const = default;
  };
  using Config = std::map<std::string, std::map<std::string, Want>>;
  const auto draw = [&] {
    Config out;
    for (const char* backend : {"a", "b", "c"}) {
      if (std::string(backend) != "a" && random() % 3 == 0) continue;
      for (const char* name : {"s1", "s2", "s3"})
        if (out[backend].empty() || random() % 2)
          out[backend][name] = {8000 + static_cast<int>(random() % 2), 1 + static_cast<int>(random() % 2), 1 + static_cast<int>(random() % 2), random() % 2 == 0};
    }
    return out;
  };
  const auto text = [](const Config& config) {
    std::string out = front("a");
    for (const auto& [backend, servers] : config) {
      out += "[[backend]]\nname = \"" + backend + "\"\n";
      for (const auto& [name, w] : servers)
        out += server(name, w.port, "weight = " + std::to_string(w.weight) + "\nmaxconn = " + std::to_string(w.maxconn) + "\ncheck = " + (w.check ? "true" : "false") + "\n");
    }
    return out;
  };
  Config before = draw();
  Serving serving(text(before));
  std::vector<std::weak_ptr<Server>> all;
  for (int i = 0; i < 333; ++i) {
    std::map<std::string, std::shared_ptr<Server>> had;
    for (const auto& [backend, servers] : before)
      for (const auto& [name, w] : servers) had[backend + "/" + name] = serving.server(backend, name);
    const Config after = draw();
    serving.reload(text(after));
    std::size_t checked = 0, count = 0;
    for (const auto& [backend, servers] : after)
      for (const auto& [name, w] : servers) {
        const auto now = serving.server(backend, name);
        REQUIRE(now);
        all.push_back(now);
        ++count;
        checked += w.check;
        const auto was = before.contains(backend) && before.at(backend).contains(name) ? std::optional(before.at(backend).at(name)) : std::nullopt;
        const auto& old = had[backend + "/" + name];
        // Both checked and up, or whatever it was: a server that stays is the same object, exactly if its address is the same.
        REQUIRE((old == now) == (was && was->port == w.port));
        const http::ServerRow row = serving.row(*now, backend);
        REQUIRE((row.configured_weight == static_cast<std::uint32_t>(w.weight) && row.configured_limit == static_cast<std::uint32_t>(w.maxconn)));
        REQUIRE((row.owner == now.get() && row.endpoint == now->endpoint && row.life == RowLife::live));
        REQUIRE(now->endpoint->address.port() == w.port);
        REQUIRE(now->checked == w.check);
      }
    had.clear();
    serving.forget_the_past();
    REQUIRE(serving.runtime.graves.empty());
    REQUIRE(serving.daemon.checker()->tasks() == checked);
    REQUIRE(serving.live_rows() == count);
    before = after;
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.lock().get() < b.lock().get(); });
  std::set<Server*> alive;
  for (const auto& one : all)
    if (const auto s = one.lock()) alive.insert(s.get());
  std::size_t count = 0;
  for (const auto& [backend, servers] : before) count += servers.size();
  CHECK(alive.size() == count);
  for (const auto& b : serving.now().plan->backends) CHECK(b->state->book.rows() <= 6);  // three names, two addresses each
}

TEST_CASE("a dry run, or a reload that is thrown away, touches nothing") {
  Serving serving(front("app") + app + server("s1", 8081, "maxconn = 2\n"));
  const auto s1 = serving.server("app", "s1");
  {
    BalancerDaemon next;
    process_test::Serving<BalancerDaemon, Generation>::read(next, front("app") + app + server("s1", 8081, "maxconn = 1\n") + server("s2", 8082));
    REQUIRE(serving.daemon.prepare(next, &serving.now()));
  }
  CHECK(serving.backend("app")->servers.size() == 1);
  CHECK(serving.row(*s1, "app").configured_limit == 2);
  CHECK(serving.daemon.checker()->tasks() == 1);
}

TEST_CASE("changed numbers are edits of the row; a lowered maxconn lets running work finish") {
  Serving serving(front("app") + app + server("s1", 8081, "check = false\nmaxconn = 2\n"));
  const auto s1 = serving.server("app", "s1");
  auto& book = serving.backend("app")->book;
  http::LoopDesk desk(serving.runtime.control().loop());
  http::Ticket a(desk, nullptr), b(desk, nullptr), c(desk, nullptr);
  book.enter(a, {}, {});
  book.enter(b, {}, {});
  serving.reload(front("app") + app + "balance = \"leastconn\"\nqueue = { max_waiting = 0 }\n" + server("s1", 8081, "check = false\nmaxconn = 1\nweight = 7\n"));
  CHECK(serving.server("app", "s1") == s1);
  const auto row = serving.row(*s1, "app");
  CHECK(row.used == 2);
  CHECK(row.limit() == 1);
  CHECK(row.weight() == 7);
  CHECK(book.enter(c, {}, {}) == http::Admission::Entry::refused);
  a.cancel();
  CHECK(book.enter(c, {}, {}) == http::Admission::Entry::refused);
  b.cancel();
  CHECK(book.enter(c, {}, {}) == http::Admission::Entry::granted);
}

TEST_CASE("a removed server finishes its work, a removed backend serves its queue") {
  Serving serving(front("app") + app + server("s1", 8081, "check = false\nmaxconn = 1\n") + server("s2", 8082, "check = false\nmaxconn = 1\n") +
                  "[[backend]]\nname = \"old\"\n" + server("o1", 8091, "check = false\nmaxconn = 1\n"));
  http::LoopDesk desk(serving.runtime.control().loop());
  http::Ticket a(desk, nullptr), named(desk, nullptr), c(desk, nullptr), d(desk, nullptr);
  auto& book = serving.backend("app")->book;
  auto& old = serving.backend("old")->book;
  const std::weak_ptr<BackendState> old_state = serving.backend("old");
  book.enter(a, {.row = 1}, {});
  REQUIRE(book.enter(named, {.row = 1}, {}) == http::Admission::Entry::queued);
  old.enter(c, {}, {});
  REQUIRE(old.enter(d, {}, {}) == http::Admission::Entry::queued);
  serving.reload(front("app") + app + server("s1", 8081, "check = false\nmaxconn = 1\n"));
  CHECK(named.state() == http::Ticket::State::granted);
  CHECK(named.row() == 0);
  serving.forget_the_past();
  CHECK(serving.live_rows() == 2);  // s2 works still
  a.cancel();
  serving.forget_the_past();
  CHECK(serving.live_rows() == 1);
  CHECK(d.state() == http::Ticket::State::waiting);
  c.cancel();
  CHECK(d.state() == http::Ticket::State::granted);
  CHECK_FALSE(old_state.expired());
  d.cancel();
  serving.forget_the_past();
  CHECK(old_state.expired());
  named.cancel();
}

TEST_CASE("health is kept, also when checks change; a new server starts unknown") {
  Serving serving(front("app") + app + server("s1", 8081) + server("s2", 8082, "check = false\n"));
  const auto s1 = serving.server("app", "s1"), s2 = serving.server("app", "s2");
  auto& book = serving.backend("app")->book;
  book.change({}, [&](std::span<http::ServerRow> rows) {
    s1->health = {.state = balancer::Health::State::up};
    rows[s1->row].up = true;
  });
  serving.reload(front("app") + app + "check = { rise = 5 }\n" + server("s1", 8081) + server("s2", 8082) + server("s3", 8083));
  CHECK(s1->health.state == balancer::Health::State::up);
  CHECK(serving.row(*s1, "app").in_choice());
  CHECK(s2->health.state == balancer::Health::State::up);  // it was taken as up; checks will tell
  CHECK(serving.row(*s2, "app").in_choice());
  CHECK(serving.server("app", "s3")->health.state == balancer::Health::State::starting);
  CHECK_FALSE(serving.row(*serving.server("app", "s3"), "app").in_choice());
  CHECK(serving.daemon.checker()->tasks() == 3);
  book.change({}, [&](std::span<http::ServerRow> rows) {
    s1->health = {.state = balancer::Health::State::down};
    rows[s1->row].up = false;
  });
  serving.reload(front("app") + app + "check = false\n" + server("s1", 8081) + server("s2", 8082));
  CHECK(serving.row(*s1, "app").in_choice());
  CHECK(serving.daemon.checker()->tasks() == 0);
}

TEST_CASE("what commands set stands over reloads, until the file changes there") {
  const auto text = [](const std::string& s1, const std::string& more = "") { return front("app") + app + server("s1", 8081, s1) + server("s2", 8082) + more; };
  Serving serving(text("weight = 10\nmaxconn = 4\n"));
  CHECK(serving.run("set server app/s1 weight 50%").empty());
  CHECK(serving.run("set maxconn server app/s1 2").empty());
  CHECK(serving.run("disable server app/s2").empty());
  CHECK(serving.run("add server app/s9 127.0.0.1:8089 weight 3 maxconn 1 check") == "New server registered.\n");
  CHECK(serving.run("add server app/s9 127.0.0.1:8089") == "Already exists a server with the same name in backend.\n");
  const auto s9 = serving.server("app", "s9");
  REQUIRE(s9);
  CHECK(serving.row(*s9, "app").admin == http::AdminState::maint);
  CHECK(serving.run("enable server app/s9").empty());
  serving.reload(text("weight = 10\nmaxconn = 4\n", "[[backend]]\nname = \"new\"\n" + server("n1", 8071)));
  CHECK(serving.server("app", "s9") == s9);
  CHECK(serving.daemon.checker()->tasks() == 4);
  const auto s1 = serving.server("app", "s1");
  CHECK(serving.row(*s1, "app").weight() == 5);
  CHECK(serving.row(*s1, "app").limit() == 2);
  CHECK(serving.row(*serving.server("app", "s2"), "app").admin == http::AdminState::maint);
  CHECK(serving.run("diff").find("app/s1 weight: configured 10, now 5, since ") == 0);
  serving.reload(text("weight = 11\nmaxconn = 4\n"));
  CHECK(serving.row(*s1, "app").weight() == 11);
  CHECK(serving.row(*s1, "app").limit() == 2);
  CHECK(serving.run("set server app/s1 maxconn 4").empty());
  CHECK(serving.run("enable server app/s2").empty());
  CHECK(serving.run("del server app/s9") == "Only servers in maintenance mode can be deleted.\n");
  CHECK(serving.run("disable server app/s9").empty());
  CHECK(serving.run("del server app/s9") == "Server deleted.\n");
  CHECK(serving.run("diff") == "no difference\n");
  CHECK_FALSE(serving.server("app", "s9"));
}

TEST_CASE("a configured server that a command deleted stays away until its section changes") {
  Serving serving(front("app") + app + server("s1", 8081, "check = false\n") + server("s2", 8082, "check = false\n"));
  http::LoopDesk desk(serving.runtime.control().loop());
  http::Ticket works(desk, nullptr);
  auto& book = serving.backend("app")->book;
  book.enter(works, {.row = book.find_row("s2")}, {});
  CHECK(serving.run("set server app/s2 state drain").empty());
  CHECK(serving.run("del server app/s2") == "Server still has connections attached to it, cannot remove it.\n");
  works.cancel();
  CHECK(serving.run("del server app/s2") == "Server deleted.\n");
  CHECK(serving.run("diff").starts_with("app/s2 server: configured 127.0.0.1:8082 weight 1 maxconn 0, now deleted, since "));
  CHECK(serving.run("disable server app/s2") == "No such server.\n");
  serving.reload(front("app") + app + server("s1", 8081, "check = false\n") + server("s2", 8082, "check = false\n"));
  CHECK_FALSE(serving.server("app", "s2"));
  // In its place a command may put another.
  CHECK(serving.run("add server app/s2 127.0.0.1:9999 weight 3") == "New server registered.\n");
  CHECK(serving.run("set weight app/s2 4").empty());
  serving.reload(front("app") + app + server("s1", 8081, "check = false\n") + server("s2", 8082, "check = false\n"));
  REQUIRE(serving.server("app", "s2"));
  CHECK(serving.server("app", "s2")->address.port() == 9999);
  CHECK(serving.row(*serving.server("app", "s2"), "app").weight() == 4);
  serving.reload(front("app") + app + server("s1", 8081, "check = false\n") + server("s2", 8083, "check = false\n"));
  REQUIRE(serving.server("app", "s2"));
  CHECK(serving.server("app", "s2")->address.port() == 8083);
  CHECK(serving.run("diff") == "no difference\n");
  serving.forget_the_past();
  CHECK(serving.live_rows() == 2);
}

TEST_CASE("a changed address is another row; the old one drains") {
  Serving serving(front("app") + app + server("s1", 8081, "check = false\n"));
  const auto s1 = serving.server("app", "s1");
  http::LoopDesk desk(serving.runtime.control().loop());
  http::Ticket works(desk, nullptr), comes(desk, nullptr);
  auto& book = serving.backend("app")->book;
  book.enter(works, {}, {});
  CHECK(serving.run("set server app/s1 addr 127.0.0.2 port 8085") ==
        "IP changed from '127.0.0.1' to '127.0.0.2', port changed from '8081' to '8085' by 'stats socket command'\n");
  CHECK(serving.run("set server app/s1 addr 127.0.0.2 port 8085") == "no need to change the addr, no need to change the port\n");
  CHECK(serving.run("set server app/s1 addr 127.0.0.x") == "Invalid addr family or address: '127.0.0.x'.\n");
  book.enter(comes, {}, {});
  auto slot = comes.take_slot();
  CHECK(slot->endpoint()->address.text() == "127.0.0.2:8085");
  serving.reload(front("app") + app + server("s1", 8081, "check = false\nweight = 2\n"));
  CHECK(serving.server("app", "s1")->address.text() == "127.0.0.2:8085");
  CHECK(serving.run("diff").starts_with("app/s1 address: configured 127.0.0.1:8081, now 127.0.0.2:8085, since "));
  slot.reset();
  serving.forget_the_past();
  CHECK(serving.live_rows() == 2);
  works.cancel();
  serving.forget_the_past();
  CHECK(serving.live_rows() == 2);  // the test has it still
  CHECK(serving.run("set server app/s1 addr 127.0.0.1:8081") ==
        "IP changed from '127.0.0.2' to '127.0.0.1', port changed from '8085' to '8081' by 'stats socket command'\n");
  CHECK(serving.run("diff") == "no difference\n");
}
