// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// What to do with a request: refuse, invalidate, pass, or look up under which key. The one judgement that both serving and
// `explain` begin with. Any thread.
#pragma once

#include "cachenode/cache_key.h"
#include "cachenode/identity.h"
#include "cachenode/policy.h"
#include "cachenode/reasons.h"
#include "cachenode/rules.h"
#include "http/via.h"
#include "observe/why.h"

namespace cachenode {

struct RequestView {
  const http::RequestHead& head;
  std::string_view cookies;         // all Cookie lines joined
  std::string_view scheme;          // effective
  std::string_view forwarded_host;  // of a trusted peer
  bool has_body = false;
  bool upgrade = false;
};

enum class Act : std::uint8_t { refuse, purge, pass, look_up };

struct RequestPlan {
  Act act = Act::pass;
  base::Reason reason;          // why passed or refused; views of configuration and request
  const char* forward = nullptr;  // pass: the `fwd` word of Cache-Status (RFC 9211 2.2)
  const Rule* rule = nullptr;   // of the request
  Identity identity;
  CacheKey key;                 // look_up; also pass and purge: purge identity and host
  std::string public_path;      // match form, for rules of the answer
};

inline bool is_purge_method(std::string_view method) { return method == "PURGE" || method == "BAN"; }

template <observe::Why W>
RequestPlan request_plan(const Policy& policy, const RequestView& view, W& why) {
  RequestPlan plan;
  const http::RequestHead& head = view.head;
  auto decide = [&](Act act, const char* forward, const base::ReasonRow& row, std::string_view subject = {}) {
    plan.act = act;
    plan.forward = forward;
    plan.reason = {&row, 0, 0, subject};
    why.because(row, 0, 0, subject);
  };
  if (!policy.via_name.empty() && http::count_via(head, policy.via_name) > policy.via_visits) {
    decide(Act::refuse, nullptr, reasons::plan_loop, policy.via_name);
    return plan;
  }
  if (is_purge_method(head.method_name())) {
    decide(Act::purge, nullptr, reasons::plan_purge);
    return plan;
  }
  // Rules alone look at it.
  if (!policy.rules.empty()) plan.public_path = http::match_form(public_path(head.path()).path);
  plan.rule = find_rule(policy.rules, RuleView{plan.public_path, head.host(), head}, false, why);
  plan.identity = identity(policy.identity, head, view.cookies, plan.rule && plan.rule->share, why);
  plan.key = cache_key(policy.key, KeyInput{head, view.scheme, view.forwarded_host, plan.identity.kept_cookies}, policy.purge.vhm, why);
  if (plan.key.key.empty()) {
    decide(Act::refuse, nullptr, reasons::plan_host);
  } else if (head.method() != http::Method::get && head.method() != http::Method::head) {
    decide(Act::pass, "method", reasons::plan_method, head.method_name());
  } else if (view.upgrade) {
    decide(Act::pass, "request", reasons::plan_upgrade);
  } else if (view.has_body) {
    decide(Act::pass, "request", reasons::plan_body);
  } else if (plan.rule && plan.rule->pass) {
    decide(Act::pass, "bypass", reasons::plan_rule_pass, plan.rule->name);
  } else if (!plan.identity.anonymous) {
    decide(Act::pass, "bypass", *plan.identity.reason.row, plan.identity.reason.subject);
  } else {
    decide(Act::look_up, nullptr, reasons::plan_look_up);
  }
  return plan;
}

}  // namespace cachenode
