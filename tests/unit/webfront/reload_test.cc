// SPDX-License-Identifier: BSD-2-Clause
// One configuration after another: what keeps its state, what does not.
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include "../net/tls_support.h"
#include "../process/fake_runtime.h"
#include "webfront/daemon.h"

using namespace webfront;
using Serving = process_test::Serving<Daemon, Generation>;

namespace {

const std::string top = R"(
[[listen]]
address = "127.0.0.1:0"
[upstream.app]
servers = ["127.0.0.1:1", "127.0.0.1:2"]
queue = { max_active = 4, max_waiting = 8 }
)";
const std::string first = top + R"(
[upstream.other]
servers = ["127.0.0.1:3"]
[[site]]
names = ["*"]
[[site.route]]
prefix = "/slow"
proxy = "app"
queue = { max_active = 2, max_waiting = 3 }
[[site.route]]
name = "search"
prefix = "/search"
proxy = "app"
queue = { max_active = 1, max_waiting = 3 }
[[site.route]]
proxy = "other"
)";
// Another order and other limits of routes, another time-out, a server less.
const std::string second = R"(
[[listen]]
address = "127.0.0.1:0"
[upstream.app]
servers = ["127.0.0.1:2"]
queue = { max_active = 9, max_waiting = 1 }
[upstream.other]
servers = ["127.0.0.1:3"]
timeout = { connect = "7s" }
[[site]]
names = ["*"]
[[site.route]]
path = "/new"
respond = { body = "new" }
[[site.route]]
prefix = "/slow"
proxy = "app"
queue = { max_active = 5, max_waiting = 3 }
[[site.route]]
proxy = "other"
)";

std::uint32_t limit_of(const http::Admission& book) { return book.copy_rows()[0].limit(); }

}  // namespace

TEST_CASE("from A to B and back: what both have is the same object") {
  Serving serving(first);
  const Generation& a = serving.now();
  REQUIRE(a.upstreams[0].servers.size() == 2);
  const auto kept_server = a.upstreams[0].servers[1];
  const auto lost_server = a.upstreams[0].servers[0];
  const auto changed_server = a.upstreams[1].servers[0];
  http::Admission* app = a.upstreams[0].book.get();
  http::Admission* slow = a.route_queues[0].get();
  const Turns* turns = a.upstreams[0].turns.get();
  CHECK(a.gone.empty());

  const Generation& b = serving.reload(second);
  CHECK(b.upstreams[0].servers[0] == kept_server);
  CHECK(b.upstreams[0].book.get() == app);
  CHECK(b.upstreams[0].turns.get() == turns);
  CHECK(b.route_queues[0].get() == slow);
  CHECK(b.upstreams[1].servers[0] != changed_server);
  CHECK(b.gone == std::vector<std::shared_ptr<const http::Endpoint>>{lost_server, changed_server});
  CHECK(limit_of(*app) == 9);
  CHECK(limit_of(*slow) == 5);
  CHECK(serving.runtime.graves.size() == 1);
  CHECK(serving.runtime.buried(a.route_queues[1].get()));
  const auto changed_again = b.upstreams[1].servers[0];

  const Generation& c = serving.reload(first);
  CHECK(c.upstreams[0].servers[1] == kept_server);
  CHECK(c.upstreams[0].book.get() == app);
  CHECK(c.upstreams[0].turns.get() == turns);
  CHECK(c.route_queues[0].get() == slow);
  CHECK(limit_of(*app) == 4);
  CHECK(limit_of(*slow) == 2);
  CHECK(c.gone == std::vector<std::shared_ptr<const http::Endpoint>>{changed_again});
  CHECK(c.durations_of(&c.compiled->sites[0].routes[0])[2] == a.durations_of(&a.compiled->sites[0].routes[0])[2]);
  CHECK(&c.durations_of(nullptr) == &a.durations_of(nullptr));
}

TEST_CASE("a queue that comes back while its places are still taken is the same queue") {
  Serving serving(first);
  http::Admission* search = serving.now().route_queues[1].get();
  base::FakeClock clock;
  net::EventLoop loop(clock);
  http::LoopDesk desk(loop);
  http::Ticket ticket(desk, nullptr);
  REQUIRE(search->enter(ticket, {}, clock.now()) == http::Admission::Entry::granted);
  auto slot = ticket.take_slot();
  serving.reload(second);
  REQUIRE(serving.runtime.buried(search));
  serving.generations.erase(serving.generations.begin());
  CHECK(serving.runtime.graves[0].in_use());
  CHECK(serving.reload(first).route_queues[1].get() == search);
  CHECK(search->totals().active == 1);
  CHECK_FALSE(serving.runtime.buried(search));
  serving.reload(second);
  REQUIRE(serving.runtime.buried(search));
  slot.reset();
  CHECK_FALSE(serving.runtime.graves[0].in_use());
}

TEST_CASE("a route without a name is known by what it looks at, not by where it stands") {
  const std::string a = "\n[[site.route]]\nprefix = \"/x\"\nproxy = \"app\"\nqueue = { max_active = 1 }\n";
  const std::string b = "\n[[site.route]]\nprefix = \"/x\"\nif = { method = \"GET\" }\nproxy = \"app\"\nqueue = { max_active = 2 }\n";
  const std::string site = "[[site]]\nnames = [\"*\"]\n";
  Serving serving(top + site + a + b);
  http::Admission* plain = serving.now().route_queues[0].get();
  http::Admission* conditional = serving.now().route_queues[1].get();
  REQUIRE(plain != conditional);
  const Generation& next = serving.reload(top + site + b + a);
  CHECK(next.route_queues[0].get() == conditional);
  CHECK(next.route_queues[1].get() == plain);
  CHECK(limit_of(*plain) == 1);
  CHECK(limit_of(*conditional) == 2);
}

TEST_CASE("two sites of the same name and other schemes have queues of their own") {
  const std::string route = "[[site.route]]\nprefix = \"/x\"\nproxy = \"app\"\nqueue = { max_active = 1 }\n";
  Serving serving(top + "[[site]]\nnames = [\"*\"]\non = \"http\"\n" + route + "[[site]]\nnames = [\"*\"]\non = \"https\"\n" + route);
  CHECK(serving.now().route_queues[0] != serving.now().route_queues[1]);
}

TEST_CASE("what was prepared and thrown away leaves nothing behind") {
  Serving serving(first);
  const auto server = serving.now().upstreams[1].servers[0];
  const std::string metrics = serving.runtime.metrics().text();
  {
    Daemon next;
    next.succeed(serving.daemon);
    Serving::read(next, second);
    REQUIRE(serving.daemon.prepare(next, &serving.now()));
  }
  CHECK(serving.runtime.metrics().text() == metrics);
  CHECK(limit_of(*serving.now().upstreams[0].book) == 4);
  CHECK(serving.runtime.graves.empty());
  CHECK(serving.reload(first).upstreams[1].servers[0] == server);
}

TEST_CASE("explain follows the configuration, and needs nothing that serves") {
  const auto explained = [](Daemon& daemon) {
    process::Reply reply;
    const std::vector<std::string> words{"http://h/new"};
    daemon.explain(words, reply);
    return reply.text;
  };
  Daemon alone;
  Serving::read(alone, second);
  CHECK(explained(alone).find("answer 200") != std::string::npos);
  Serving serving(first);
  CHECK(explained(serving.daemon).find("send to other") != std::string::npos);
  serving.reload(second);
  CHECK(explained(serving.daemon) == explained(alone));
}

// --- TLS ---

namespace {

struct CertificateFolder {
  std::filesystem::path path;
  CertificateFolder() {
    char name[] = "/tmp/webfront-tls-XXXXXX";
    REQUIRE(::mkdtemp(name));
    path = name;
  }
  ~CertificateFolder() { std::filesystem::remove_all(path); }
  void write(const std::string& name, const net_test::Pem& pem) const {
    std::ofstream(path / (name + ".pem")) << pem.cert;
    std::ofstream(path / (name + ".key")) << pem.key;
  }
  std::string entry(const std::string& name) const {
    return "{ cert = \"" + (path / (name + ".pem")).string() + "\", key = \"" + (path / (name + ".key")).string() + "\" }";
  }
  std::string text(const std::string& more = "") const {
    return "[tls.a]\ncertificates = [" + entry("a") + "]\n" + more + "[tls.b]\ncertificates = [" + entry("b") + "]\n" +
           "[[listen]]\naddress = \"127.0.0.1:0\"\ntls = \"a\"\n[[listen]]\naddress = \"127.0.0.2:0\"\ntls = \"a\"\n" +
           "[[listen]]\naddress = \"127.0.0.3:0\"\ntls = \"b\"\n[[listen]]\naddress = \"127.0.0.4:0\"\ntls = \"a\"\nprotocols = [\"http/1.1\"]\n" +
           "[[site]]\nnames = [\"*\"]\n[[site.route]]\nrespond = { body = \"x\" }\n";
  }
};

}  // namespace

TEST_CASE("a TLS context stays while section, protocols and files say the same") {
  CertificateFolder folder;
  folder.write("a", net_test::make_pem({"a.example"}));
  folder.write("b", net_test::make_pem({"b.example"}));
  Serving serving(folder.text());
  const auto contexts = [&] {
    std::vector<std::shared_ptr<net::TlsContext>> out;
    for (const auto& spec : serving.daemon.listeners()) out.push_back(spec.tls);
    return out;
  };
  const auto at_first = contexts();
  CHECK(at_first[0] == at_first[1]);
  CHECK(at_first[0] != at_first[2]);
  CHECK(at_first[0] != at_first[3]);

  serving.reload(folder.text());
  CHECK(contexts() == at_first);

  folder.write("b", net_test::make_pem({"b.example"}));
  serving.reload(folder.text());
  const auto renewed = contexts();
  CHECK(renewed[0] == at_first[0]);
  CHECK(renewed[2] != at_first[2]);
  CHECK(renewed[3] == at_first[3]);

  serving.reload(folder.text("min_version = \"1.3\"\n"));
  const auto stricter = contexts();
  CHECK(stricter[0] != at_first[0]);
  CHECK(stricter[2] == renewed[2]);
}
