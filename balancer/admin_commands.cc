// SPDX-License-Identifier: BSD-2-Clause
#include "balancer/admin_commands.h"

#include <unistd.h>

#include "balancer/show_stat.h"
#include "process/version.h"

namespace balancer {
namespace {

using process::AdminArguments;
using process::AdminLevel;
using process::Reply;

void show_info(const AdminContext& context, Reply& reply) {
  const Plan& plan = *context.roster.plan();
  std::uint64_t requests = 0;
  for (const auto& f : plan.frontends) requests += f->state->counters.sum().requests;
  const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(context.now() - context.started).count();
  reply.line("Name: balancer");
  reply.line(std::string("Version: ") + process::version);
  reply.line("Nbthread: " + std::to_string(plan.workers));
  reply.line("Nbproc: 1");
  reply.line("Process_num: 1");
  reply.line("Pid: " + std::to_string(getpid()));
  reply.line("Uptime_sec: " + std::to_string(uptime));
  reply.line("CurrConns: " + std::to_string(context.connections()));
  reply.line("CumReq: " + std::to_string(requests));
}

void show_stat(const AdminContext& context, AdminArguments arguments, Reply& reply) {
  const auto rows = stat_rows(*context.roster.plan(), context.now());
  reply.json = stat_json(rows);
  if (!arguments.empty() && arguments.back() == "json") reply.line(reply.json);
  else reply.text = stat_csv(rows);
}

void clear_counters(const AdminContext& context) {
  // The highest values, as HAProxy does without `all`.
  for (const auto& b : context.roster.plan()->backends) {
    b->state->sessions.clear_max();
    b->state->book.change(context.now(), [](std::span<http::ServerRow> rows) {
      for (http::ServerRow& r : rows) {
        r.used_max = r.used;
        r.queued_max = r.queued;
      }
    });
  }
  for (const auto& f : context.roster.plan()->frontends) f->state->sessions.clear_max();
}

}  // namespace

void add_commands(process::AdminRegistry& registry, Context context) {
  registry.add("show stat", "[json]", "counters and states of frontends, servers and backends", AdminLevel::user,
               [context](AdminArguments a, Reply& reply) { show_stat(*context, a, reply); });
  registry.add("show info", "", "the process", AdminLevel::user, [context](AdminArguments, Reply& reply) { show_info(*context, reply); });
  registry.add("show servers state", "[<backend>]", "states of servers", AdminLevel::user, [context](AdminArguments a, Reply& reply) {
    const Plan& plan = *context->roster.plan();
    if (!a.empty() && !plan.find_backend(a[0])) return reply.error("Can't find backend.");
    reply.text = servers_state(plan, a.empty() ? std::string_view{} : std::string_view(a[0]), context->now());
  });
  registry.add("show backend", "", "names of backends", AdminLevel::user, [context](AdminArguments, Reply& reply) {
    reply.line("# name");
    for (const auto& b : context->roster.plan()->backends) reply.line(b->name());
  });
  registry.add("show version", "", "the version", AdminLevel::user, [](AdminArguments, Reply& reply) { reply.line(process::version); });
  registry.add("clear counters", "", "the highest values begin anew", AdminLevel::operation, [context](AdminArguments a, Reply& reply) {
    if (!a.empty()) return reply.error("only 'clear counters'");
    clear_counters(*context);
  });
  registry.add("diff", "", "what commands changed against the configuration", AdminLevel::user, [context](AdminArguments, Reply& reply) {
    reply.text = difference_text(context->roster.overrides());
    reply.json = difference_json(context->roster.overrides());
  });
  add_server_commands(registry, std::move(context));
}

}  // namespace balancer
