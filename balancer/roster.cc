// SPDX-License-Identifier: BSD-2-Clause
#include "balancer/roster.h"

#include <algorithm>

#include "balancer/checker.h"

namespace balancer {
namespace {

// All that a deletion overrides.
std::string section_text(const ServerPlan& plan) {
  return plan.address.text() + " weight " + std::to_string(plan.weight) + " maxconn " + std::to_string(plan.limit) + (plan.checked ? " check" : "");
}

base::Duration out_time(bool checked) { return checked ? base::Duration::max() : base::Duration(std::chrono::seconds(1)); }

std::shared_ptr<const http::Endpoint> endpoint_of(const ServerPlan& plan) {
  auto endpoint = std::make_shared<http::Endpoint>();
  endpoint->name = plan.full_name;
  endpoint->address = plan.address;
  endpoint->address_text = plan.address.text();
  endpoint->keepalive = plan.keepalive;
  endpoint->options = plan.upstream;
  return endpoint;
}

}  // namespace

// --- what is wanted ---

// The override of a configured server; what the file has changed since ends it.
Override Roster::prune(const ServerPlan& configured) {
  const auto found = overrides_.find(configured.full_name);
  if (found == overrides_.end()) return {};
  Override& o = found->second;
  const auto end = [&](const char* what, auto& part, const std::string& before, const std::string& after) {
    say(observe::Level::notice, "server " + configured.full_name + ": its configured " + what + " changed from " + before + " to " + after +
                                    ": what a command had set does not hold any more");
    part.reset();
    dropped_ = true;
  };
  if (o.deleted && o.deleted->configured != section_text(configured)) end("section", o.deleted, o.deleted->configured, section_text(configured));
  if (o.deleted) return o;  // what else is there is of the one that a command added in its place
  if (o.added) {
    end("section", o.added, "none", section_text(configured));
    o = {};  // the rest was of the other server
  }
  if (o.weight && o.weight->configured != configured.weight) end("weight", o.weight, std::to_string(o.weight->configured), std::to_string(configured.weight));
  if (o.maxconn && o.maxconn->configured != configured.limit) end("maxconn", o.maxconn, std::to_string(o.maxconn->configured), std::to_string(configured.limit));
  if (o.address && o.address->configured != configured.address.text()) end("address", o.address, o.address->configured, configured.address.text());
  const Override out = o;
  if (o.empty()) overrides_.erase(found);
  return out;
}

std::vector<Roster::Wanted> Roster::wanted_of(const Backend& backend) {
  std::vector<Wanted> out;
  for (const ServerPlan& configured : backend.servers) {
    Wanted wanted{configured, prune(configured)};
    if (wanted.set.deleted) continue;
    if (wanted.set.address)
      if (const auto address = net::Address::parse(wanted.set.address->now)) wanted.plan.address = *address;
    out.push_back(std::move(wanted));
  }
  const std::string prefix = backend.name() + "/";
  for (auto at = overrides_.lower_bound(prefix); at != overrides_.end() && at->first.starts_with(prefix); ++at) {
    if (!at->second.added) continue;
    const Override::Added& added = *at->second.added;
    ServerOptions options;
    options.name = at->first.substr(prefix.size());
    options.weight = added.weight;
    if (added.maxconn) options.maxconn = added.maxconn;
    options.check = added.check;
    const auto address = net::Address::parse(at->second.address ? at->second.address->now : added.address);
    if (!address) continue;
    options.address.address = *address;
    Wanted wanted{backend.plan(options), at->second, true};
    if (!added.maxconn) wanted.plan.limit = 0;
    out.push_back(std::move(wanted));
  }
  return out;
}

// Overrides of what is not there any more.
void Roster::forget_strangers() {
  for (auto at = overrides_.begin(); at != overrides_.end();) {
    const auto slash = at->first.find('/');
    const Backend* backend = plan_->find_backend(std::string_view(at->first).substr(0, slash));
    const bool configured = backend && std::any_of(backend->servers.begin(), backend->servers.end(), [&](const ServerPlan& s) { return s.full_name == at->first; });
    if (configured || (backend && at->second.added)) {
      ++at;
      continue;
    }
    say(observe::Level::notice, "server " + at->first + " is not configured any more: what commands had set for it is forgotten");
    at = overrides_.erase(at);
    dropped_ = true;
  }
}

// --- commit ---

Roster::Endpoints Roster::commit(std::shared_ptr<const Plan> next) {
  const std::shared_ptr<const Plan> before = std::exchange(plan_, std::move(next));
  Endpoints gone;
  dropped_ = false;
  forget_strangers();
  for (const auto& backend : plan_->backends) {
    BackendState& state = *backend->state;
    if (!std::exchange(state.begun, true) && checker_) checker_->watch(backend->state);
    state.book.set_policy(policy_of(backend->options.balance), tools_.now());
    state.book.set_max_waiting(backend->options.queue.max_waiting);
    reconcile(*backend, gone);
  }
  if (before)
    for (const auto& backend : before->backends)
      if (const Backend* now = plan_->find_backend(backend->name()); !now)
        for (const auto& server : backend->state->servers) gone.push_back(server->endpoint);
  if (dropped_ && tools_.changed) tools_.changed();
  return gone;
}

void Roster::reconcile(const Backend& backend, Endpoints& gone) {
  BackendState& state = *backend.state;
  std::vector<std::shared_ptr<Server>> servers;
  for (const Wanted& wanted : wanted_of(backend)) {
    const auto kept = std::find_if(state.servers.begin(), state.servers.end(),
                                   [&](const auto& s) { return s && s->name == wanted.plan.name && s->address == wanted.plan.address; });
    if (kept == state.servers.end()) {
      servers.push_back(add_server(backend, wanted));
      continue;
    }
    edit_server(backend, **kept, wanted, gone);
    servers.push_back(std::move(*kept));
  }
  state.servers.swap(servers);
  for (auto& left : servers) {
    if (!left) continue;
    gone.push_back(left->endpoint);
    state.leaving.push_back(std::move(left));
  }
  state.server_count.store(static_cast<std::uint32_t>(state.servers.size()), std::memory_order_relaxed);
}

std::shared_ptr<Server> Roster::add_server(const Backend& backend, const Wanted& wanted) {
  const ServerPlan& plan = wanted.plan;
  auto server = std::make_shared<Server>(plan.name, plan.full_name, plan.address, backend.workers);
  server->endpoint = endpoint_of(plan);
  server->checked = plan.checked;
  server->added = wanted.added;
  server->health.state = plan.checked ? Health::State::starting : Health::State::unchecked;
  server->changed = tools_.now();
  http::ServerRow row;
  row.name = plan.name;
  row.owner = server.get();
  row.endpoint = server->endpoint;
  row.configured_limit = plan.limit;
  row.configured_weight = plan.weight;
  row.up = !plan.checked;
  row.out_for = out_time(plan.checked);
  if (wanted.set.weight) row.override_weight = wanted.set.weight->now;
  if (wanted.set.maxconn) row.override_limit = wanted.set.maxconn->now;
  if (wanted.set.admin) row.admin = wanted.set.admin->now;
  server->row = backend.state->book.add_row(std::move(row));
  if (checker_ && plan.checked) checker_->begin(*backend.state, *server, *backend.options.check);
  return server;
}

void Roster::edit_server(const Backend& backend, Server& server, const Wanted& wanted, Endpoints& gone) {
  const ServerPlan& plan = wanted.plan;
  if (auto endpoint = endpoint_of(plan); !endpoint->same(*server.endpoint)) gone.push_back(std::exchange(server.endpoint, std::move(endpoint)));
  server.added = wanted.added;
  const bool was_checked = std::exchange(server.checked, plan.checked);
  const http::AdminState admin = wanted.set.admin ? wanted.set.admin->now : http::AdminState::ready;
  bool made_ready = false;
  backend.state->book.change(tools_.now(), [&](std::span<http::ServerRow> rows) {
    http::ServerRow& row = rows[server.row];
    row.endpoint = server.endpoint;
    row.configured_limit = plan.limit;
    row.configured_weight = plan.weight;
    row.override_weight = wanted.set.weight ? std::optional(wanted.set.weight->now) : std::nullopt;
    row.override_limit = wanted.set.maxconn ? std::optional(wanted.set.maxconn->now) : std::nullopt;
    row.out_for = out_time(plan.checked);
    if (was_checked != plan.checked) {
      // What was taken as up stays so until checks say otherwise; what nothing checks is taken as up.
      server.health = {.state = plan.checked ? Health::State::up : Health::State::unchecked};
      server.check = {};
      row.up = true;
      if (!plan.checked) row.restore();
    }
    if (row.admin == admin) return;
    made_ready = admin == http::AdminState::ready;
    // What nothing checks is believed to be as well as its administrator says.
    if (made_ready && !plan.checked) row.restore();
    row.admin = admin;
    server.changed = tools_.now();
  });
  if (!checker_) return;
  if (plan.checked) checker_->begin(*backend.state, server, *backend.options.check);
  else checker_->end(server);
  if (made_ready) checker_->check_now(server);
}

// --- settle ---

void Roster::settle(const Plan& before) {
  for (const auto& backend : plan_->backends) shrink(*backend);
  for (const auto& backend : before.backends) {
    if (plan_->find_backend(backend->name())) continue;
    // Who waits in its queue is served still: its rows go with the book. Nothing new comes.
    const std::shared_ptr<BackendState> state = backend->state;
    if (checker_)
      for (const auto& server : state->servers) checker_->end(*server);
    BackendState& left = *state;
    tools_.bury(state, [&left] {
      return left.book.read([](std::span<const http::ServerRow> rows, const http::Admission::Totals& totals) {
        std::uint32_t held = 0;
        for (const http::ServerRow& row : rows) held += row.held;
        return totals.active > held || totals.waiting > 0;
      });
    }, {});
  }
}

void Roster::shrink(const Backend& backend) {
  const std::vector<std::shared_ptr<Server>> leaving = std::exchange(backend.state->leaving, {});
  for (const auto& server : leaving) leave(backend.state, server);
}

// `state` is kept until the row is free.
void Roster::leave(const std::shared_ptr<BackendState>& state, const std::shared_ptr<Server>& server) {
  if (checker_) checker_->end(*server);
  const std::size_t row = server->row;
  state->book.remove_row(row, tools_.now());
  tools_.bury(server, [state, row] { return state->book.row_used(row); }, [state, row] { state->book.free_row(row); });
}

// --- commands ---

Roster::Found Roster::find(std::string_view name, std::string& problem) const {
  const auto slash = name.find('/');
  if (slash == std::string_view::npos) {
    problem = "Require 'backend/server'.";
    return {};
  }
  Found out;
  out.backend = plan_->find_backend(name.substr(0, slash));
  if (!out.backend) {
    problem = "No such backend.";
    return {};
  }
  for (const auto& server : out.backend->state->servers)
    if (server->name == name.substr(slash + 1)) out.server = server.get();
  if (!out.server) problem = "No such server.";
  return out;
}

// The overrides of one backend have changed: that is applied like a reload of it, at once.
void Roster::changed(const Backend& backend) {
  Endpoints gone;
  reconcile(backend, gone);
  shrink(backend);
  if (!gone.empty() && tools_.forget) tools_.forget(gone);
  if (tools_.changed) tools_.changed();
}

template <class F>
void Roster::override_of(const Found& at, F&& set) {
  const std::string name = at.server->full_name;
  Override& o = overrides_[name];
  const Override before = o;
  set(o);
  const bool same = o == before;
  if (o.empty()) overrides_.erase(name);
  if (!same) changed(*at.backend);
}

void Roster::set_admin(const Found& at, http::AdminState wanted) {
  override_of(at, [&](Override& o) {
    if (wanted == http::AdminState::ready) o.admin.reset();
    else if (!o.admin || o.admin->now != wanted) o.admin = {wanted, tools_.wall()};
  });
}

namespace {
void set_number(std::optional<Override::Number>& part, std::uint32_t configured, std::uint32_t wanted, std::int64_t wall) {
  if (wanted == configured) part.reset();
  else if (!part || part->now != wanted) part = {configured, wanted, wall};
}
}  // namespace

void Roster::set_weight(const Found& at, std::uint32_t weight) {
  const std::uint32_t configured = at.backend->state->book.read([&](std::span<const http::ServerRow> rows, const auto&) { return rows[at.server->row].configured_weight; });
  override_of(at, [&](Override& o) { set_number(o.weight, configured, weight, tools_.wall()); });
}

void Roster::set_weight_percent(const Found& at, std::uint32_t percent) {
  const std::uint64_t configured = at.backend->state->book.read([&](std::span<const http::ServerRow> rows, const auto&) { return rows[at.server->row].configured_weight; });
  set_weight(at, static_cast<std::uint32_t>(std::min<std::uint64_t>(65535, configured * percent / 100)));
}

void Roster::set_limit(const Found& at, std::uint32_t limit) {
  const std::uint32_t configured = at.backend->state->book.read([&](std::span<const http::ServerRow> rows, const auto&) { return rows[at.server->row].configured_limit; });
  override_of(at, [&](Override& o) { set_number(o.maxconn, configured, limit, tools_.wall()); });
}

void Roster::set_address(const Found& at, const net::Address& address) {
  override_of(at, [&](Override& o) {
    if (o.added) {
      o.added->address = address.text();
      return;
    }
    const auto configured = std::find_if(at.backend->servers.begin(), at.backend->servers.end(), [&](const ServerPlan& s) { return s.name == at.server->name; });
    if (configured == at.backend->servers.end()) return;
    if (configured->address == address) o.address.reset();
    else o.address = {configured->address.text(), address.text(), tools_.wall()};
  });
}

std::string Roster::add(std::string_view name, const Override::Added& server) {
  std::string problem;
  const Found at = find(name, problem);
  if (!at.backend) return problem;
  if (at.server) return "Already exists a server with the same name in backend.";
  Override& o = overrides_[std::string(name)];
  o.added = server;
  o.added->since = tools_.wall();
  o.admin = {http::AdminState::maint, o.added->since};
  changed(*at.backend);
  return {};
}

std::string Roster::remove(const Found& at) {
  const http::ServerRow row = at.backend->state->book.read([&](std::span<const http::ServerRow> rows, const auto&) { return rows[at.server->row]; });
  if (row.admin == http::AdminState::ready) return "Only servers in maintenance mode can be deleted.";
  if (row.used > row.held || row.queued) return "Server still has connections attached to it, cannot remove it.";
  const std::string name = at.server->full_name;
  const auto configured = std::find_if(at.backend->servers.begin(), at.backend->servers.end(), [&](const ServerPlan& s) { return s.full_name == name; });
  // A server that a command added in the place of a configured one that was deleted leaves that deletion behind.
  if (configured == at.backend->servers.end()) overrides_.erase(name);
  else overrides_[name] = {.deleted = Override::Text{section_text(*configured), "deleted", tools_.wall()}};
  changed(*at.backend);
  return {};
}

}  // namespace balancer
