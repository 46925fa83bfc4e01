// SPDX-License-Identifier: BSD-2-Clause
// Commands that change servers, with HAProxy's words and answers.
#include "balancer/admin_commands.h"

namespace balancer {
namespace {

using process::AdminArguments;
using process::AdminLevel;
using process::Reply;

constexpr const char* set_server_usage = "<backend>/<server> state {ready|drain|maint} | weight <n>[%] | maxconn <n> | addr <address> [port <port>]";

bool find(const AdminContext& context, std::string_view name, Roster::Found& out, Reply& reply) {
  std::string problem;
  out = context.roster.find(name, problem);
  if (!out.server) reply.error(problem);
  return out.server != nullptr;
}

void set_admin(const AdminContext& context, std::string_view name, http::AdminState wanted, Reply& reply) {
  Roster::Found found;
  if (find(context, name, found, reply)) context.roster.set_admin(found, wanted);
}

void set_weight(const AdminContext& context, std::string_view name, std::string_view text, Reply& reply) {
  Roster::Found found;
  if (!find(context, name, found, reply)) return;
  const bool percent = text.ends_with('%');
  if (percent) text.remove_suffix(1);
  const auto number = base::parse_decimal(text);
  if (!number || *number > 65535) return reply.error("Require <weight> or <weight%>.");
  if (percent) context.roster.set_weight_percent(found, static_cast<std::uint32_t>(*number));
  else context.roster.set_weight(found, static_cast<std::uint32_t>(*number));
}

void set_maxconn(const AdminContext& context, std::string_view name, std::string_view text, Reply& reply) {
  Roster::Found found;
  if (!find(context, name, found, reply)) return;
  const auto number = base::parse_decimal(text);
  if (!number || *number > 1'000'000) return reply.error("Require a number: 0 is unlimited.");
  context.roster.set_limit(found, static_cast<std::uint32_t>(*number));
}

void set_state(const AdminContext& context, AdminArguments a, Reply& reply) {
  if (a[2] == "ready") return set_admin(context, a[0], http::AdminState::ready, reply);
  if (a[2] == "drain") return set_admin(context, a[0], http::AdminState::drain, reply);
  if (a[2] == "maint") return set_admin(context, a[0], http::AdminState::maint, reply);
  reply.error("'set server <srv> state' expects 'ready', 'drain' and 'maint'.");
}

// An address with or without its port, which may also follow by itself.
std::optional<net::Address> parse_address(const std::string& text, const net::Address& before, std::optional<std::uint16_t> port) {
  auto address = net::Address::parse(text);
  if (!address) {
    const bool v6 = text.find(':') != std::string::npos && !text.starts_with('[');
    address = net::Address::parse((v6 ? "[" + text + "]" : text) + ":" + std::to_string(port.value_or(before.port())));
  }
  if (!address) return std::nullopt;
  if (port && !address->is_unix()) address->set_port(*port);
  return *address;
}

void set_address(const AdminContext& context, AdminArguments a, Reply& reply) {
  Roster::Found found;
  if (!find(context, a[0], found, reply)) return;
  std::optional<std::uint16_t> port;
  if (a.size() == 5 && a[3] == "port") {
    const auto number = base::parse_decimal(a[4]);
    if (!number || *number < 1 || *number > 65535) return reply.error("provided port is not valid.");
    port = static_cast<std::uint16_t>(*number);
  } else if (a.size() != 3) {
    return reply.error("set server <b>/<s> addr requires an address and optionally a port.");
  }
  const net::Address before = found.server->address;
  const auto after = parse_address(a[2], before, port);
  if (!after) return reply.error("Invalid addr family or address: '" + a[2] + "'.");
  std::string said;
  if (before.is_unix() || after->is_unix()) {
    said = before == *after ? "no need to change the addr" : "addr changed from '" + before.text() + "' to '" + after->text() + "'";
  } else {
    said = before.ip() == after->ip() ? "no need to change the addr" : "IP changed from '" + before.ip() + "' to '" + after->ip() + "'";
    if (before.port() != after->port()) said += ", port changed from '" + std::to_string(before.port()) + "' to '" + std::to_string(after->port()) + "'";
    else if (port) said += ", no need to change the port";
  }
  context.roster.set_address(found, *after);
  reply.line(said + (before == *after ? "" : " by 'stats socket command'"));
}

void set_server(const AdminContext& context, AdminArguments a, Reply& reply) {
  const std::string what = a.size() > 2 ? a[1] : "";
  if (what == "weight" && a.size() == 3) return set_weight(context, a[0], a[2], reply);
  if (what == "maxconn" && a.size() == 3) return set_maxconn(context, a[0], a[2], reply);
  if (what == "state" && a.size() == 3) return set_state(context, a, reply);
  if (what == "addr") return set_address(context, a, reply);
  reply.error(std::string("usage: set server ") + set_server_usage);
}

bool proper_name(std::string_view name) {
  for (const char c : name)
    if (c <= ' ' || c > '~' || c == ';' || c == ',' || c == '"' || c == '/') return false;
  return !name.empty();
}

void add_server(const AdminContext& context, AdminArguments a, Reply& reply) {
  if (a.size() < 2) return reply.error("Require 'backend/server' and an address.");
  const auto slash = a[0].find('/');
  if (slash == std::string::npos) return reply.error("Require 'backend/server'.");
  if (!proper_name(std::string_view(a[0]).substr(slash + 1))) return reply.error("invalid character in the server's name.");
  const Backend* backend = context.roster.plan()->find_backend(std::string_view(a[0]).substr(0, slash));
  if (!backend) return reply.error("No such backend.");
  const auto address = net::Address::parse(a[1]);
  if (!address || (!address->is_unix() && address->port() == 0)) return reply.error("'" + a[1] + "' is no address: 'ip:port' or 'unix:/path'.");
  Override::Added server;
  server.address = address->text();
  server.weight = backend->options.server_defaults.weight;
  server.maxconn = backend->options.server_defaults.maxconn.value_or(0);
  for (std::size_t i = 2; i < a.size(); ++i) {
    if (a[i] == "check") {
      if (!backend->options.check) return reply.error("backend '" + backend->name() + "' has no checks: leave 'check' out.");
      server.check = true;
      continue;
    }
    const bool weight = a[i] == "weight";
    if (!weight && a[i] != "maxconn") return reply.error("'" + a[i] + "' is not known: weight <n>, maxconn <n>, check.");
    const auto number = i + 1 < a.size() ? base::parse_decimal(a[i + 1]) : std::nullopt;
    if (!number || *number > (weight ? 65535U : 1'000'000U)) return reply.error("'" + a[i] + "' expects a number.");
    (weight ? server.weight : server.maxconn) = static_cast<std::uint32_t>(*number);
    ++i;
  }
  const std::string problem = context.roster.add(a[0], server);
  if (!problem.empty()) return reply.error(problem);
  reply.line("New server registered.");
}

void del_server(const AdminContext& context, AdminArguments a, Reply& reply) {
  Roster::Found found;
  if (a.size() != 1) return reply.error("Require 'backend/server'.");
  if (!find(context, a[0], found, reply)) return;
  const std::string problem = context.roster.remove(found);
  if (!problem.empty()) return reply.error(problem);
  reply.line("Server deleted.");
}

void get_weight(const AdminContext& context, AdminArguments a, Reply& reply) {
  Roster::Found found;
  if (a.size() != 1) return reply.error("Require 'backend/server'.");
  if (!find(context, a[0], found, reply)) return;
  const http::ServerRow row = found.backend->state->book.copy_rows()[found.server->row];
  reply.line(std::to_string(row.weight()) + " (initial " + std::to_string(row.configured_weight) + ")");
}

// Commands whose only argument is a server.
void add_switch(process::AdminRegistry& registry, const Context& context, const char* words, const char* help, http::AdminState wanted) {
  registry.add(words, "<backend>/<server>", help, AdminLevel::operation, [context, wanted](AdminArguments a, Reply& reply) {
    if (a.size() != 1) return reply.error("Require 'backend/server'.");
    set_admin(*context, a[0], wanted, reply);
  });
}

}  // namespace

void add_server_commands(process::AdminRegistry& registry, Context context) {
  add_switch(registry, context, "disable server", "no more requests, not even those that name it", http::AdminState::maint);
  add_switch(registry, context, "enable server", "as before", http::AdminState::ready);
  add_switch(registry, context, "drain", "only requests that name it", http::AdminState::drain);
  add_switch(registry, context, "ready", "as before", http::AdminState::ready);
  registry.add("set server", set_server_usage, "state, weight, limit or address of a server", AdminLevel::operation,
               [context](AdminArguments a, Reply& reply) { set_server(*context, a, reply); });
  registry.add("set weight", "<backend>/<server> <n>[%]", "its weight", AdminLevel::operation, [context](AdminArguments a, Reply& reply) {
    if (a.size() != 2) return reply.error("Require 'backend/server' and a weight.");
    set_weight(*context, a[0], a[1], reply);
  });
  registry.add("get weight", "<backend>/<server>", "its weight", AdminLevel::user, [context](AdminArguments a, Reply& reply) { get_weight(*context, a, reply); });
  registry.add("set maxconn server", "<backend>/<server> <n>", "its limit of requests", AdminLevel::operation, [context](AdminArguments a, Reply& reply) {
    if (a.size() != 2) return reply.error("Require 'backend/server' and a number.");
    set_maxconn(*context, a[0], a[1], reply);
  });
  registry.add("add server", "<backend>/<server> <address> [weight <n>] [maxconn <n>] [check]", "a new server, in maintenance until it is enabled", AdminLevel::admin,
               [context](AdminArguments a, Reply& reply) { add_server(*context, a, reply); });
  registry.add("del server", "<backend>/<server>", "removes a server that is in maintenance or drained and not used", AdminLevel::admin,
               [context](AdminArguments a, Reply& reply) { del_server(*context, a, reply); });
}

}  // namespace balancer
