// SPDX-License-Identifier: BSD-2-Clause
// The file of what commands changed: written, read, set aside when it cannot be understood; what it says at the start.
#include "balancer/overrides.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "balancer/state_file.h"
#include "net/worker.h"
#include "plan_bench.h"

namespace {

using balancer::Override;
using balancer::Overrides;

struct Folder {
  Folder() {
    char name[] = "/tmp/balancer-state-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file(const char* name = "state") const { return path + "/" + name; }
  std::string path;
};

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

Overrides sample() {
  return {{"app/s1", {.admin = Override::Admin{http::AdminState::maint, 5}, .weight = Override::Number{1, 40, 6}}},
          {"app/s2", {.maxconn = Override::Number{0, 3, 7}, .address = Override::Text{"127.0.0.1:1", "127.0.0.1:2", 8}}},
          {"app/s3", {.deleted = Override::Text{"127.0.0.1:3 weight 1 maxconn 0", "deleted", 9}}},
          {"app/\xff", {.added = Override::Added{"unix:/run/s", 3, 1, true, 10}}}};
}

}  // namespace

TEST_CASE("overrides: what is written is read again") {
  Overrides all = sample();
  all.erase("app/\xff");
  all["app/s4"] = {.added = Override::Added{"unix:/run/s", 3, 1, true, 10}};
  const auto again = balancer::parse_overrides(balancer::overrides_json(all));
  REQUIRE(again);
  CHECK(*again == all);
  CHECK(balancer::parse_overrides(balancer::overrides_json({}))->empty());
  CHECK_FALSE(balancer::overrides_json(sample()).empty());  // a name that is no UTF-8 stops nothing
}

TEST_CASE("overrides: what cannot be understood is said, not guessed") {
  const auto problem = [](const std::string& text) {
    const auto read = balancer::parse_overrides(text);
    return read ? std::string("none") : read.error();
  };
  CHECK(problem("") == "it is not JSON");
  CHECK(problem("{\"version\": 1") == "it is not JSON");
  CHECK(problem("{\"version\": 2, \"servers\": {}}") == "it is not of version 1");
  CHECK(problem("[]") == "it is not of version 1");
  CHECK(problem("{\"version\": 1}") == "there is no \"servers\"");
  const auto one = [&](const std::string& server) { return problem("{\"version\": 1, \"servers\": {\"a/b\": " + server + "}}"); };
  CHECK(one("{}") == "none");
  CHECK(one("7") == "a/b: not an object");
  CHECK(one("{\"weight\": 7}") == "a/b: not an object");
  CHECK(one("{\"weight\": {\"configured\": 1, \"now\": -1, \"since\": 1}}") == "a/b: no proper \"now\"");
  CHECK(one("{\"weight\": {\"configured\": 1, \"now\": 99999999, \"since\": 1}}") == "a/b: now is too large");
  CHECK(one("{\"admin\": {\"now\": \"asleep\", \"since\": 1}}") == "a/b: \"asleep\" is no state of a server");
  CHECK(one("{\"address\": {\"configured\": \"x\", \"now\": \"x\", \"since\": 1}}") == "a/b: \"x\" is no address");
}

TEST_CASE("overrides: the difference, a line each") {
  Overrides all = sample();
  all.erase("app/\xff");
  CHECK(balancer::difference_text(all) ==
        "app/s1 state: configured ready, now maint, since 1970-01-01T00:00:05Z\n"
        "app/s1 weight: configured 1, now 40, since 1970-01-01T00:00:06Z\n"
        "app/s2 address: configured 127.0.0.1:1, now 127.0.0.1:2, since 1970-01-01T00:00:08Z\n"
        "app/s2 maxconn: configured unlimited, now 3, since 1970-01-01T00:00:07Z\n"
        "app/s3 server: configured 127.0.0.1:3 weight 1 maxconn 0, now deleted, since 1970-01-01T00:00:09Z\n");
  CHECK(balancer::difference_text({}) == "no difference\n");
  CHECK(balancer::difference_json({}) == "[]");
  CHECK(balancer::difference_json({{"app/s1", {.weight = Override::Number{1, 40, 6}}}}) ==
        "[{\"server\":\"app/s1\",\"what\":\"weight\",\"configured\":\"1\",\"now\":\"40\",\"since\":\"1970-01-01T00:00:06Z\"}]");
}

TEST_CASE("state file: replaced whole, or not at all") {
  const Folder folder;
  REQUIRE(balancer::write_state(folder.file(), "one").error == 0);
  CHECK(read(folder.file()) == "one");
  REQUIRE(balancer::write_state(folder.file(), "two").error == 0);
  CHECK(read(folder.file()) == "two");
  CHECK_FALSE(std::filesystem::exists(folder.file("state.new")));
  CHECK(balancer::write_state(folder.path + "/none/state", "four").error == ENOENT);
  // A link in the place of the new file is not followed.
  REQUIRE(::symlink(folder.file("elsewhere").c_str(), folder.file("state.new").c_str()) == 0);
  CHECK(balancer::write_state(folder.file(), "five").error == ELOOP);
  CHECK(read(folder.file()) == "two");
}

TEST_CASE("state file: one that cannot be used is set aside") {
  const Folder folder;
  observe::ErrorLog log({.level = observe::Level::emerg});
  CHECK(balancer::load_state(folder.file(), log).empty());
  CHECK(log.count(observe::Level::error) == 0);  // there is none yet
  std::ofstream(folder.file()) << "not JSON";
  CHECK(balancer::load_state(folder.file(), log).empty());
  CHECK(read(folder.file("state.bad")) == "not JSON");
  CHECK_FALSE(std::filesystem::exists(folder.file()));
  std::ofstream(folder.file()) << balancer::overrides_json({{"a/b", {.weight = Override::Number{1, 2, 3}}}});
  CHECK(balancer::load_state(folder.file(), log).at("a/b").weight->now == 2);
  CHECK(std::filesystem::exists(folder.file()));
}

TEST_CASE("state file: the latest text is what is there in the end") {
  const Folder folder;
  base::SystemClock clock;
  net::EventLoop loop(clock);
  net::Offload pool({2, 16});
  observe::ErrorLog log({.level = observe::Level::emerg});
  observe::Metrics metrics(1);
  std::string path = folder.file();
  {
    balancer::StateFile file(path, pool, loop, log, metrics, 0);
    for (int i = 0; i < 100; ++i) file.keep(std::to_string(i));
    SECTION("waited for") {
      while (!file.idle()) loop.turn(false);
      CHECK(read(path) == "99");
    }
    SECTION("at the end") {}
  }
  CHECK(read(path) == "99");
}

TEST_CASE("state file: a failure is counted, the next change tries again") {
  const Folder folder;
  base::SystemClock clock;
  net::EventLoop loop(clock);
  net::Offload pool({1, 16});
  observe::ErrorLog log({.level = observe::Level::emerg});
  observe::Metrics metrics(1);
  const std::string path = folder.file("sub") + "/state";
  balancer::StateFile file(path, pool, loop, log, metrics, 0);
  file.keep("one");
  const auto failed = [&] { return metrics.text().find("balancer_state_write_failures_total 1") != std::string::npos; };
  while (!failed()) loop.turn(false);
  std::filesystem::create_directory(folder.file("sub"));
  file.keep("two");
  while (!file.idle()) loop.turn(false);
  CHECK(read(path) == "two");
}

TEST_CASE("at the start the state file's words hold where the configuration is still the same") {
  const std::string text =
      "[[frontend]]\nbind = \"127.0.0.1:8080\"\ndefault_backend = \"app\"\n[[backend]]\nname = \"app\"\ncheck = false\n"
      "[[backend.server]]\nname = \"s1\"\naddress = \"127.0.0.1:1\"\nweight = 2\n[[backend.server]]\nname = \"s2\"\naddress = \"127.0.0.1:2\"\n"
      "[[backend.server]]\nname = \"s3\"\naddress = \"127.0.0.1:3\"\n";
  balancer_test::Bench bench([] { return base::TimePoint{}; });
  bench.roster.set_overrides({{"app/s1", {.admin = Override::Admin{http::AdminState::drain, 5}, .weight = Override::Number{1, 40, 6}}},
                              {"app/s2", {.address = Override::Text{"127.0.0.1:2", "127.0.0.1:9", 8}}},
                              {"app/s3", {.deleted = Override::Text{"127.0.0.1:3 weight 1 maxconn 0", "deleted", 9}}},
                              {"app/s4", {.maxconn = Override::Number{1, 2, 3}}},
                              {"app/s5", {.weight = Override::Number{3, 4, 1}, .added = Override::Added{"127.0.0.1:5", 3, 0, false, 10}}},
                              {"gone/s1", {.added = Override::Added{"127.0.0.1:6", 3, 0, false, 10}}}});
  bench.commit(bench.compile(balancer_test::read(text)));
  const auto& state = *bench.roster.plan()->backends[0]->state;
  REQUIRE(state.servers.size() == 3);
  const auto rows = state.book.copy_rows();
  CHECK(rows[state.servers[0]->row].admin == http::AdminState::drain);
  CHECK(rows[state.servers[0]->row].weight() == 2);  // the file says 2 now, not 1
  CHECK(state.servers[1]->address.port() == 9);
  CHECK(state.servers[2]->name == "s5");
  CHECK(rows[state.servers[2]->row].weight() == 4);
  CHECK(bench.changes == 1);
  CHECK(bench.log.find("app/s4 is not configured any more") != std::string::npos);
  CHECK(bench.log.find("gone/s1 is not configured any more") != std::string::npos);
  CHECK(bench.roster.overrides().size() == 4);
}
