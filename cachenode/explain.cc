// SPDX-License-Identifier: BSD-2-Clause
#include "cachenode/explain.h"

#include "cachenode/cache_status.h"
#include "cachenode/purge_allowed.h"
#include "cachenode/request_plan.h"
#include "cachenode/use_stored.h"
#include "cachenode/vary.h"
#include "http/cookies.h"
#include "http/paths.h"

namespace cachenode {

namespace {

struct Question {
  http::RequestHead head;
  std::string scheme = "http";
};

bool read_url(std::string_view url, Question& q, process::Reply& reply) {
  std::string_view rest = url;
  if (const auto scheme = rest.find("://"); scheme != std::string_view::npos) {
    q.scheme = base::to_lower(rest.substr(0, scheme));
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

bool read_question(process::AdminArguments arguments, Question& q, process::Reply& reply) {
  q.head.set_method("GET");
  std::string_view url;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& a = arguments[i];
    if ((a == "-X" || a == "-H") && i + 1 == arguments.size()) {
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
    } else if (url.empty()) {
      url = a;
    } else if (url == "GET" || url == "HEAD" || url == "POST" || url == "PURGE") {
      q.head.set_method(url);  // `explain GET URL` is as good
      url = a;
    } else {
      reply.error("one URL at a time");
      return false;
    }
  }
  if (url.empty()) reply.error("usage: explain [-X METHOD] [-H FIELD]... URL");
  return !url.empty() && read_url(url, q, reply);
}

class ExplainAsker final : public store::Asker {
 public:
  ExplainAsker(const http::RequestHead& head, base::TimePoint now, bool sick, observe::FullWhy& why) : head_(head), now_(now), sick_(sick), why_(why) {}
  void selecting(std::string_view names, std::string& values) const override { selecting_values(names, head_, values); }
  Use judge(const Freshness& freshness, bool just_failed) const override { return use_stored(UseView{freshness, now_, just_failed || sick_}, why_); }

 private:
  const http::RequestHead& head_;
  base::TimePoint now_;
  bool sick_;
  observe::FullWhy& why_;
};

void explain_store(store::Store& store, bool sick, base::TimePoint now, const Question& q, const RequestPlan& plan, process::Reply& reply) {
  observe::FullWhy why;
  const ExplainAsker asker(q.head, now, sick, why);
  const store::KeyParts parts{plan.key.key, plan.key.purge.path, plan.key.purge.host, plan.key.query, plan.key.has_query};
  const store::Found found = store.look_up(parts, asker, store::Intent::look, now);
  reply.text += "store:\n" + why.text();
  using Kind = store::Found::Kind;
  const base::ReasonRow& row = found.kind == Kind::hit ? reasons::hit_fresh : found.kind == Kind::join ? reasons::hit_collapsed : *found.miss;
  const std::string_view subject = found.marker_why ? std::string_view(found.marker_why->name) : std::string_view{};
  reply.line("  = " + base::Reason{&row, 0, 0, subject}.text() + " (" + row.name + ")");
  if (sick) reply.line("  - the origin is sick");
}

}  // namespace

void explain(const Compiled& compiled, store::Store* store, bool sick, base::TimePoint now, process::AdminArguments arguments, process::Reply& reply) {
  Question q;
  if (!read_question(arguments, q, reply)) return;
  reply.line(std::string(q.head.method_name()) + " " + q.scheme + "://" + std::string(q.head.host()) + std::string(q.head.target()) +
             (store ? "" : "  (from the configuration alone)"));
  observe::FullWhy why;
  if (is_purge_method(q.head.method_name())) {
    purge_allowed(compiled.policy.purge, q.head, !compiled.purge_allow->empty(), why);
    const PurgeIdentity identity = purge_identity(q.head.path(), {}, compiled.policy.purge.vhm);
    reply.text += "invalidation, from a peer that is listed:\n" + why.text();
    reply.line("purge identity: " + (identity.host.empty() ? std::string("any host") : identity.host) + " " + identity.path);
    return;
  }
  const std::string cookies = http::joined_cookies(q.head);
  const std::string_view forwarded_host = q.head.get(http::Token::x_forwarded_host).value_or(std::string_view{});
  const RequestPlan plan = request_plan(compiled.policy, RequestView{q.head, cookies, q.scheme, forwarded_host}, why);
  reply.text += "request:\n" + why.text();
  if (!plan.key.key.empty()) {
    std::string key = plan.key.key;
    for (char& c : key)
      if (c == '\n') c = ' ';
    reply.line("key: " + key);
    reply.line("purge identity: " + plan.key.purge.host + " " + plan.key.purge.path);
  }
  if (plan.act == Act::pass) {
    base::RecycledString status;
    render_cache_status({.forward = plan.forward, .detail = plan.reason}, compiled.headers.cache_status, status);
    reply.line("Cache-Status: " + std::string(status));
  }
  if (plan.act == Act::look_up && store) explain_store(*store, sick, now, q, plan, reply);
}

}  // namespace cachenode
