// SPDX-License-Identifier: BSD-2-Clause
#include "balancer/admin_commands.h"

#include <unistd.h>

#include "balancer/checker.h"
#include "balancer/show_stat.h"
#include "process/version.h"

namespace balancer {
namespace {

using Context = std::shared_ptr<const AdminContext>;
using process::AdminArguments;
using process::AdminLevel;
using process::Reply;

struct Found {
  Backend* backend = nullptr;
  std::size_t backend_index = 0;
  std::size_t server = http::no_row;
};

// "backend/server", with HAProxy's words for what is wrong.
bool find(State& state, std::string_view name, Found& out, Reply& reply) {
  const auto slash = name.find('/');
  if (slash == std::string_view::npos) {
    reply.error("Require 'backend/server'.");
    return false;
  }
  for (std::size_t i = 0; i < state.backends.size(); ++i)
    if (state.backends[i].name() == name.substr(0, slash)) {
      out.backend = &state.backends[i];
      out.backend_index = i;
    }
  if (!out.backend) {
    reply.error("No such backend.");
    return false;
  }
  out.server = out.backend->book.find_row(name.substr(slash + 1));
  if (out.server == http::no_row) reply.error("No such server.");
  return out.server != http::no_row;
}

void set_admin(const AdminContext& context, std::string_view name, http::AdminState wanted, Reply& reply) {
  Found found;
  if (!find(context.state, name, found, reply)) return;
  Server& server = found.backend->servers[found.server];
  found.backend->book.change(context.now(), [&](std::span<http::ServerRow> rows) {
    http::ServerRow& row = rows[found.server];
    if (row.admin == wanted) return;
    // What nothing checks is believed to be as well as its administrator says.
    if (wanted == http::AdminState::ready && !server.checked) row.restore();
    row.admin = wanted;
    server.changed = context.now();
  });
  if (wanted == http::AdminState::ready)
    if (Checker* checker = context.checker()) checker->check_now(found.backend_index, found.server);
}

void set_weight(const AdminContext& context, std::string_view name, std::string_view text, Reply& reply) {
  Found found;
  if (!find(context.state, name, found, reply)) return;
  const bool percent = text.ends_with('%');
  if (percent) text.remove_suffix(1);
  const auto number = base::parse_decimal(text);
  if (!number || *number > 65535) return reply.error("Require <weight> or <weight%>.");
  found.backend->book.change(context.now(), [&](std::span<http::ServerRow> rows) {
    http::ServerRow& row = rows[found.server];
    row.override_weight = static_cast<std::uint32_t>(percent ? row.configured_weight * *number / 100 : *number);
  });
}

void set_maxconn(const AdminContext& context, std::string_view name, std::string_view text, Reply& reply) {
  Found found;
  if (!find(context.state, name, found, reply)) return;
  const auto number = base::parse_decimal(text);
  if (!number || *number > 1'000'000) return reply.error("Require a number: 0 is unlimited.");
  found.backend->book.change(context.now(), [&](std::span<http::ServerRow> rows) { rows[found.server].override_limit = static_cast<std::uint32_t>(*number); });
}

void set_server(const AdminContext& context, AdminArguments a, Reply& reply) {
  if (a.size() == 3 && a[1] == "weight") return set_weight(context, a[0], a[2], reply);
  if (a.size() != 3 || a[1] != "state") return reply.error("usage: set server <backend>/<server> state {ready|drain|maint} | weight <n>[%]");
  if (a[2] == "ready") return set_admin(context, a[0], http::AdminState::ready, reply);
  if (a[2] == "drain") return set_admin(context, a[0], http::AdminState::drain, reply);
  if (a[2] == "maint") return set_admin(context, a[0], http::AdminState::maint, reply);
  reply.error("'set server <srv> state' expects 'ready', 'drain' and 'maint'.");
}

void show_info(const AdminContext& context, Reply& reply) {
  std::uint64_t requests = 0;
  for (const Frontend& f : context.state.frontends) requests += f.counters.sum().requests;
  const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(context.now() - context.started).count();
  reply.line("Name: balancer");
  reply.line(std::string("Version: ") + process::version);
  reply.line("Nbthread: " + std::to_string(context.state.workers()));
  reply.line("Nbproc: 1");
  reply.line("Process_num: 1");
  reply.line("Pid: " + std::to_string(getpid()));
  reply.line("Uptime_sec: " + std::to_string(uptime));
  reply.line("CurrConns: " + std::to_string(context.connections()));
  reply.line("CumReq: " + std::to_string(requests));
}

void show_stat(const AdminContext& context, AdminArguments arguments, Reply& reply) {
  const auto rows = stat_rows(context.state, context.now());
  reply.json = stat_json(rows);
  if (!arguments.empty() && arguments.back() == "json") reply.line(reply.json);
  else reply.text = stat_csv(rows);
}

void clear_counters(const AdminContext& context) {
  // The highest values, as HAProxy does without `all`.
  for (Backend& b : context.state.backends) {
    b.sessions.clear_max();
    b.book.change(context.now(), [](std::span<http::ServerRow> rows) {
      for (http::ServerRow& r : rows) {
        r.used_max = r.used;
        r.queued_max = r.queued;
      }
    });
  }
  for (Frontend& f : context.state.frontends) f.sessions.clear_max();
}

// Commands whose only argument is a server.
void add_switch(process::AdminRegistry& registry, const Context& context, const char* words, const char* help, http::AdminState wanted) {
  registry.add(words, "<backend>/<server>", help, AdminLevel::operation, [context, wanted](AdminArguments a, Reply& reply) {
    if (a.size() != 1) return reply.error("Require 'backend/server'.");
    set_admin(*context, a[0], wanted, reply);
  });
}

}  // namespace

void add_commands(process::AdminRegistry& registry, Context context) {
  registry.add("show stat", "[json]", "counters and states of frontends, servers and backends", AdminLevel::user,
               [context](AdminArguments a, Reply& reply) { show_stat(*context, a, reply); });
  registry.add("show info", "", "the process", AdminLevel::user, [context](AdminArguments, Reply& reply) { show_info(*context, reply); });
  registry.add("show servers state", "[<backend>]", "states of servers", AdminLevel::user, [context](AdminArguments a, Reply& reply) {
    if (!a.empty() && !context->state.find_backend(a[0])) return reply.error("Can't find backend.");
    reply.text = servers_state(context->state, a.empty() ? std::string_view{} : std::string_view(a[0]), context->now());
  });
  registry.add("show backend", "", "names of backends", AdminLevel::user, [context](AdminArguments, Reply& reply) {
    reply.line("# name");
    for (const Backend& b : context->state.backends) reply.line(b.name());
  });
  registry.add("show version", "", "the version", AdminLevel::user, [](AdminArguments, Reply& reply) { reply.line(process::version); });
  registry.add("clear counters", "", "the highest values begin anew", AdminLevel::operation, [context](AdminArguments a, Reply& reply) {
    if (!a.empty()) return reply.error("only 'clear counters'");
    clear_counters(*context);
  });
  add_switch(registry, context, "disable server", "no more requests, not even those that name it", http::AdminState::maint);
  add_switch(registry, context, "enable server", "as before", http::AdminState::ready);
  add_switch(registry, context, "drain", "only requests that name it", http::AdminState::drain);
  add_switch(registry, context, "ready", "as before", http::AdminState::ready);
  registry.add("set server", "<backend>/<server> state {ready|drain|maint} | weight <n>[%]", "state or weight of a server", AdminLevel::operation,
               [context](AdminArguments a, Reply& reply) { set_server(*context, a, reply); });
  registry.add("set weight", "<backend>/<server> <n>[%]", "its weight", AdminLevel::operation, [context](AdminArguments a, Reply& reply) {
    if (a.size() != 2) return reply.error("Require 'backend/server' and a weight.");
    set_weight(*context, a[0], a[1], reply);
  });
  registry.add("get weight", "<backend>/<server>", "its weight", AdminLevel::user, [context](AdminArguments a, Reply& reply) {
    Found found;
    if (a.size() != 1) return reply.error("Require 'backend/server'.");
    if (!find(context->state, a[0], found, reply)) return;
    const http::ServerRow row = found.backend->book.copy_rows()[found.server];
    reply.line(std::to_string(row.weight()) + " (initial " + std::to_string(row.configured_weight) + ")");
  });
  registry.add("set maxconn server", "<backend>/<server> <n>", "its limit of requests", AdminLevel::operation, [context](AdminArguments a, Reply& reply) {
    if (a.size() != 2) return reply.error("Require 'backend/server' and a number.");
    set_maxconn(*context, a[0], a[1], reply);
  });
}

}  // namespace balancer
