// SPDX-License-Identifier: BSD-2-Clause
// What one process tells the next: whatever comes, the next one starts.
#include "balancer/handover.h"

#include <catch2/catch.hpp>

namespace {

using namespace balancer;

Plan one_backend() {
  BackendOptions backend;
  backend.name = "app";
  return Plan({}, {}, {backend}, 1);
}

void add(Plan& plan, const std::string& name, const char* address, Health health) {
  BackendState& state = *plan.backends[0]->state;
  auto server = std::make_shared<Server>(name, "app/" + name, *net::Address::parse(address), 1);
  server->health = health;
  http::ServerRow row;
  row.name = server->name;
  row.up = health.up();
  server->row = state.book.add_row(row);
  state.servers.push_back(std::move(server));
}

}  // namespace

TEST_CASE("health goes along, by name and address") {
  Plan before = one_backend();
  before.bind(nullptr, {});
  add(before, "s1", "127.0.0.1:1", {.state = Health::State::up, .bad = 2, .errors = 3, .hurry = true});
  add(before, "s2", "127.0.0.1:2", {.state = Health::State::down, .good = 1});
  add(before, "s3", "127.0.0.1:3", {.state = Health::State::up});
  add(before, "s4", "127.0.0.1:4", {.state = Health::State::starting});
  Overrides overrides;
  overrides["app/s1"].weight = Override::Number{1, 7, 100};
  const Handover known = parse_handover(handover_text(before, overrides));
  REQUIRE(known.overrides);
  CHECK(*known.overrides == overrides);

  Plan after = one_backend();
  after.bind(nullptr, {});
  const Health starting{.state = Health::State::starting};
  add(after, "s1", "127.0.0.1:1", starting);
  add(after, "s2", "127.0.0.1:2", starting);
  add(after, "s3", "127.0.0.1:33", starting);  // another one
  add(after, "s4", "127.0.0.1:4", starting);
  apply(known, after, {});
  const auto& servers = after.backends[0]->state->servers;
  const auto rows = after.backends[0]->state->book.copy_rows();
  CHECK(servers[0]->health == Health{.state = Health::State::up, .bad = 2, .errors = 3, .hurry = true});
  CHECK(rows[0].up);
  CHECK(servers[1]->health == Health{.state = Health::State::down, .good = 1});
  CHECK_FALSE(rows[1].up);
  CHECK(servers[2]->health == starting);
  CHECK(servers[3]->health == starting);
}

TEST_CASE("what makes no sense is left out") {
  for (const char* text : {"", "x", "[]", "{}", R"({"overrides": 3, "servers": []})", R"({"overrides": "{", "servers": {"a": 1}})",
                           R"({"servers": {"app/s1": {"address": 1, "up": "yes", "good": -1, "bad": 1e99}}})"}) {
    CAPTURE(text);
    const Handover known = parse_handover(text);
    CHECK_FALSE(known.overrides);
    Plan plan = one_backend();
    plan.bind(nullptr, {});
    add(plan, "s1", "127.0.0.1:1", {.state = Health::State::starting});
    apply(known, plan, {});
    CHECK(plan.backends[0]->state->servers[0]->health.state == Health::State::starting);
  }
}
