// SPDX-License-Identifier: BSD-2-Clause
#include "balancer/handover.h"

#include <nlohmann/json.hpp>

namespace balancer {
namespace {

using Json = nlohmann::ordered_json;

std::uint32_t small_number(const Json& of, const char* name) {
  const auto found = of.find(name);
  return found != of.end() && found->is_number_unsigned() ? static_cast<std::uint32_t>(std::min<std::uint64_t>(found->get<std::uint64_t>(), 1'000'000)) : 0;
}

bool flag(const Json& of, const char* name) {
  const auto found = of.find(name);
  return found != of.end() && found->is_boolean() && found->get<bool>();
}

std::string text(const Json& of, const char* name) {
  const auto found = of.find(name);
  return found != of.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string handover_text(const Plan& plan, const Overrides& overrides) {
  Json out{{"overrides", overrides_json(overrides)}, {"servers", Json::object()}};
  Json& servers = out["servers"];
  for (const auto& backend : plan.backends) {
    const auto& state = *backend->state;
    state.book.read([&](std::span<const http::ServerRow> rows, const http::Admission::Totals&) {
      for (const auto& server : state.servers) {
        const Health& health = server->health;
        if (!server->checked || health.state == Health::State::starting) continue;
        servers[server->full_name] = {{"address", server->address.text()}, {"up", health.up()}, {"good", health.good}, {"bad", health.bad},
                                      {"errors", health.errors}, {"hurry", health.hurry}, {"out", rows[server->row].out}};
      }
    });
  }
  return out.dump();
}

Handover parse_handover(std::string_view given) {
  Handover out;
  const Json json = Json::parse(given, nullptr, false);
  if (!json.is_object()) return out;
  if (auto overrides = parse_overrides(text(json, "overrides"))) out.overrides = std::move(*overrides);
  const auto servers = json.find("servers");
  if (servers == json.end() || !servers->is_object()) return out;
  for (const auto& [name, server] : servers->items()) {
    if (!server.is_object()) continue;
    KnownHealth& known = out.servers[name];
    known.address = text(server, "address");
    known.health.state = flag(server, "up") ? Health::State::up : Health::State::down;
    known.health.good = small_number(server, "good");
    known.health.bad = small_number(server, "bad");
    known.health.errors = small_number(server, "errors");
    known.health.hurry = flag(server, "hurry");
    known.out = flag(server, "out");
  }
  return out;
}

void apply(const Handover& known, const Plan& plan, base::TimePoint now) {
  for (const auto& backend : plan.backends) {
    BackendState& state = *backend->state;
    state.book.change(now, [&](std::span<http::ServerRow> rows) {
      for (const auto& server : state.servers) {
        const auto found = known.servers.find(server->full_name);
        if (found == known.servers.end() || !server->checked || server->address.text() != found->second.address) continue;
        server->health = found->second.health;
        http::ServerRow& row = rows[server->row];
        row.up = server->health.up();
        row.out = found->second.out;
        row.out_until = base::TimePoint::max();
      }
    });
  }
}

}  // namespace balancer
