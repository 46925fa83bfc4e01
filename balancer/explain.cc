// SPDX-License-Identifier: BSD-2-Clause
#include "balancer/explain.h"

#include "http/paths.h"
#include "http/via.h"

namespace balancer {
namespace {

struct Question {
  http::RequestHead head;
  const Frontend* frontend = nullptr;
};

bool read_url(std::string_view url, Question& q, process::Reply& reply) {
  std::string_view rest = url;
  if (const auto scheme = rest.find("://"); scheme != std::string_view::npos) {
    rest.remove_prefix(scheme + 3);
    const auto slash = rest.find('/');
    if (!q.head.has(http::Token::host)) q.head.add(http::Token::host, rest.substr(0, slash));
    rest = slash == std::string_view::npos ? std::string_view("/") : rest.substr(slash);
  }
  const auto target = http::normalise_target(rest);
  if (!target) {
    reply.error("the request would be refused: " + target.error().reason.text() + " (" + std::to_string(target.error().reason.row->status) + ")");
    return false;
  }
  q.head.set_target(target->empty() ? rest : std::string_view(*target));
  return true;
}

bool read_question(const Plan& plan, process::AdminArguments arguments, Question& q, process::Reply& reply) {
  q.head.set_method("GET");
  q.frontend = plan.frontends.front().get();
  std::string_view url;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& a = arguments[i];
    const bool takes_value = a == "-X" || a == "-H" || a == "-f";
    if (takes_value && i + 1 == arguments.size()) {
      reply.error(a + " needs a value");
      return false;
    }
    if (a == "-X") {
      q.head.set_method(arguments[++i]);
    } else if (a == "-H") {
      const std::string_view field = arguments[++i];
      const auto colon = field.find(':');
      if (colon == std::string_view::npos) {
        reply.error("-H needs NAME: VALUE");
        return false;
      }
      q.head.add(base::trim(field.substr(0, colon)), base::trim(field.substr(colon + 1)));
    } else if (a == "-f") {
      q.frontend = nullptr;
      for (const auto& f : plan.frontends)
        if (f->options.name == arguments[i + 1]) q.frontend = f.get();
      if (!q.frontend) {
        reply.error("no frontend \"" + arguments[i + 1] + "\"");
        return false;
      }
      ++i;
    } else {
      url = a;
    }
  }
  if (url.empty()) reply.error("usage: explain [-X METHOD] [-H FIELD]... [-f FRONTEND] URL");
  return !url.empty() && read_url(url, q, reply);
}

}  // namespace

void explain(const Plan& plan, bool live, process::AdminArguments arguments, process::Reply& reply) {
  Question q;
  if (!read_question(plan, arguments, q, reply)) return;
  const std::string match = http::match_form(q.head.path());
  reply.line(std::string(q.head.method_name()) + " " + std::string(q.head.target()) + (live ? "" : "  (from the configuration alone: every server is taken as up)"));
  if (http::count_via(q.head, plan.via_name) > plan.via_visits) {
    reply.line("loop:\n  = the request has passed through " + plan.via_name + " already: 508 (loop)");
    return;
  }
  observe::FullWhy why;
  if (q.frontend->options.health && below(match, *q.frontend->options.health)) {
    reply.line("frontend " + q.frontend->options.name + ":\n  = the health page answers (health)");
    return;
  }
  const std::size_t index = pick_backend(q.frontend->rules, {&q.head, match}, why);
  reply.text += "backend:\n" + why.text();
  if (index == no_backend) return;
  const Backend& backend = *plan.backends[index];
  std::vector<http::ServerRow> rows = backend.state->book.copy_rows();
  if (!live)
    for (http::ServerRow& row : rows) row.up = true;
  observe::FullWhy sticky, server;
  const std::size_t named = sticky_row(backend.cookie, http::cookie_value(q.head, backend.cookie.name), rows, sticky);
  if (!sticky.lines().empty()) reply.text += "cookie:\n" + sticky.text();
  if (named == http::no_row) {
    pick_server(backend.options.balance, rows, backend.name(), server);
    reply.text += "server:\n" + server.text();
  } else if (!rows[named].free()) {
    reply.line("server:\n  = " + std::string(rows[named].name) + " is full: the request waits for it (must-wait)");
  }
}

}  // namespace balancer
