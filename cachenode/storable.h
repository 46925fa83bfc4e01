// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// May an answer be stored, and for how long (RFC 9111 3, 4.2; RFC 9213)? private, no-store, no-cache and Set-Cookie win over rules
// unless a rule's `ignore` names them. Any thread.
#pragma once

#include <algorithm>
#include <optional>

#include "cachenode/freshness.h"
#include "cachenode/policy.h"
#include "cachenode/reasons.h"
#include "cachenode/vary.h"
#include "http/cache_control.h"
#include "http/dates.h"
#include "http/head.h"
#include "observe/why.h"

namespace cachenode {

// The origin fails: stale objects may be used where that is allowed.
constexpr bool is_failure_status(int status) { return status == 500 || status == 502 || status == 503 || status == 504; }

struct AnswerView {
  const http::RequestHead& request;     // as sent to the origin
  const http::ResponseHead& answer;     // as received, hop-by-hop fields included
  std::optional<std::uint64_t> length;  // of the body, if declared
  const Rule* request_rule = nullptr;
  const Rule* answer_rule = nullptr;
  bool credentials_removed = false;     // the fetch went without credentials that its first client had
  base::TimePoint now{};
  Seconds now_wall = 0;
  Seconds response_delay = 0;           // from request sent to head
};

struct StoreDecision {
  bool store = false;
  bool ask_again = false;               // with the client's credentials
  Seconds marker = 0;                   // hit-for-miss for so long, if not stored
  const base::ReasonRow* why = nullptr;  // why not
  Freshness freshness;
  const char* client_cache_control = nullptr;  // replaces Cache-Control for clients
};

namespace detail {

// The first of the rule of the request and the rule of the answer that says something.
template <class T>
const T* first_set(const AnswerView& view, std::optional<T> Rule::* member, const Rule** from = nullptr) {
  for (const Rule* rule : {view.request_rule, view.answer_rule}) {
    if (!rule || !(rule->*member)) continue;
    if (from) *from = rule;
    return &*(rule->*member);
  }
  return nullptr;
}

inline bool lists(const AnswerView& view, std::vector<Directive> Rule::* member, Directive directive) {
  return (view.request_rule && has_directive(view.request_rule->*member, directive)) ||
         (view.answer_rule && has_directive(view.answer_rule->*member, directive));
}

struct Lifetime {
  std::optional<Seconds> seconds;
  bool counted_in_answer = false;       // max-age or s-maxage, not Expires or a rule
};

constexpr Seconds dateless_lifetime = 24 * 60 * 60;  // at most, of an Expires without Date

// RFC 9111 4.2.1 in the order of s-maxage, max-age, Expires; then what rules and defaults fill in.
template <observe::Why W>
Lifetime lifetime(const Policy& policy, const AnswerView& view, const http::CacheControl& control, bool targeted, W& why) {
  Lifetime out;
  const Rule* from = nullptr;
  const auto seconds = [](std::uint64_t n) { return static_cast<Seconds>(n); };
  if (control.s_maxage) {
    out = {seconds(*control.s_maxage), true};
    why.considered(reasons::life_field, *out.seconds, 0, "s-maxage");
  } else if (control.max_age) {
    out = {seconds(*control.max_age), true};
    why.considered(reasons::life_field, *out.seconds, 0, "max-age");
  } else if (!targeted && view.answer.has(http::Token::expires)) {
    const auto expires = http::parse_date(*view.answer.get(http::Token::expires), view.now_wall);
    const auto date = http::parse_date(view.answer.get(http::Token::date).value_or(""), view.now_wall);
    out.seconds = expires ? std::max<Seconds>(0, *expires - date.value_or(view.now_wall)) : 0;
    why.considered(reasons::life_expires, *out.seconds);
    // Two clocks are compared, and ours may be years behind till somebody sets it.
    if (!date && *out.seconds > dateless_lifetime) {
      out.seconds = dateless_lifetime;
      why.considered(reasons::life_dateless, *out.seconds);
    }
  }
  if (const Seconds* override_ttl = first_set(view, &Rule::override_ttl, &from)) {
    out.seconds = *override_ttl;
    why.considered(reasons::life_rule_override, *override_ttl, 0, from->name);
  } else if (!out.seconds) {
    if (const Seconds* ttl = first_set(view, &Rule::ttl, &from)) {
      out.seconds = *ttl;
      why.considered(reasons::life_rule, *ttl, 0, from->name);
    } else if (policy.lifetime.ttl > 0) {
      out.seconds = policy.lifetime.ttl;
      why.considered(reasons::life_default, policy.lifetime.ttl);
    }
  }
  return out;
}

// The first directive that forbids stale use; all of them must be lifted for `lifted`.
inline const char* forbids_stale(const AnswerView& view, const http::CacheControl& control, bool& lifted) {
  struct Row { bool there; const char* name; Directive directive; };
  const Row rows[] = {{control.must_revalidate, "must-revalidate", Directive::must_revalidate},
                      {control.proxy_revalidate, "proxy-revalidate", Directive::proxy_revalidate},
                      {control.s_maxage.has_value(), "s-maxage", Directive::s_maxage}};
  const char* first = nullptr;
  lifted = true;
  for (const Row& row : rows) {
    if (!row.there) continue;
    const bool listed = lists(view, &Rule::stale_override, row.directive);
    if (!first || (lifted && !listed)) first = row.name;
    lifted = lifted && listed;
  }
  if (!first) lifted = false;
  return first;
}

// What forbids storing whatever the lifetime; null if nothing.
template <observe::Why W>
const base::ReasonRow* forbidden(const AnswerView& view, const http::CacheControl& control, W& why, std::string_view& subject) {
  const http::ResponseHead& answer = view.answer;
  struct Row { bool there; Directive directive; const base::ReasonRow& row; std::string_view subject; };
  const std::string_view sendfile = answer.has(http::Token::x_sendfile) ? "X-Sendfile" : answer.has(http::Token::x_accel_redirect) ? "X-Accel-Redirect" : "";
  const Row rows[] = {{control.no_store, Directive::no_store, reasons::keep_no_store, "no-store"},
                      {control.is_private, Directive::private_, reasons::keep_private, "private"},
                      {control.no_cache, Directive::no_cache, reasons::keep_no_cache, "no-cache"},
                      {answer.has(http::Token::set_cookie), Directive::set_cookie, reasons::keep_set_cookie, "Set-Cookie"},
                      {!sendfile.empty(), Directive::sendfile, reasons::keep_sendfile, sendfile}};
  for (const Row& row : rows) {
    if (!row.there) continue;
    if (lists(view, &Rule::ignore, row.directive)) {
      why.considered(reasons::keep_ignored, 0, 0, row.subject);
      continue;
    }
    subject = &row.row == &reasons::keep_sendfile ? row.subject : std::string_view{};
    return &row.row;
  }
  return nullptr;
}

}  // namespace detail

// For the answer to a look-up's GET.
template <observe::Why W>
StoreDecision storable(const Policy& policy, const AnswerView& view, W& why) {
  StoreDecision out;
  const http::ResponseHead& answer = view.answer;
  const int status = answer.status();
  const bool server_error = status >= 500;
  auto refuse = [&](const base::ReasonRow& row, std::int64_t a = 0, std::int64_t b = 0, std::string_view subject = {}) {
    why.because(row, a, b, subject);
    out.why = &row;
    // An error passes: those who come next wait for each other again.
    out.marker = server_error ? 0 : policy.lifetime.uncacheable_ttl;
    return out;
  };
  if (view.credentials_removed && (status == 401 || status == 403 || (status >= 300 && status < 400))) {
    out.ask_again = true;
    return refuse(reasons::keep_credentials_asked, status);
  }
  if (status == 206) return refuse(reasons::keep_partial);
  if (status < 200 || status == 304) return refuse(reasons::keep_status, status);
  if (view.request.has(http::Token::authorization)) return refuse(reasons::keep_authorization);
  const http::EffectiveControl effective = http::effective_cache_control(answer);
  const http::CacheControl& control = effective.control;
  std::string_view subject;
  if (const base::ReasonRow* row = detail::forbidden(view, control, why, subject)) return refuse(*row, 0, 0, subject);
  if (vary_names(answer) == "*") return refuse(reasons::keep_vary_all);
  const bool targeted = effective.from != http::Token::cache_control;
  const detail::Lifetime life = detail::lifetime(policy, view, control, targeted, why);
  if (server_error && !life.counted_in_answer) return refuse(reasons::keep_error_status, status);
  if (!life.seconds) return refuse(reasons::keep_no_lifetime);

  Freshness& f = out.freshness;
  const Seconds age = static_cast<Seconds>(http::parse_delta_seconds(answer.get(http::Token::age).value_or("0")).value_or(0));
  const Seconds date = http::parse_date(answer.get(http::Token::date).value_or(""), view.now_wall).value_or(view.now_wall);
  f.received = view.now;
  f.initial_age = initial_age(age, date, view.now_wall, view.response_delay);
  f.lifetime = *life.seconds;
  if (server_error && f.lifetime > policy.lifetime.error_ttl_max) {
    f.lifetime = policy.lifetime.error_ttl_max;
    why.considered(reasons::life_capped, f.lifetime);
  }
  // A rule's own lifetime counts from now on, whatever the origin's clocks and caches say.
  if (detail::first_set(view, &Rule::override_ttl) || (!life.counted_in_answer && !answer.has(http::Token::expires))) f.initial_age = 0;
  const auto directive = [](const std::optional<std::uint64_t>& n, Seconds otherwise) { return n ? static_cast<Seconds>(*n) : otherwise; };
  const Seconds* rule_grace = detail::first_set(view, &Rule::grace);
  const Seconds* rule_stale = detail::first_set(view, &Rule::stale_if_error);
  f.grace = rule_grace ? *rule_grace : directive(control.stale_while_revalidate, policy.lifetime.grace);
  f.stale_if_error = rule_stale ? *rule_stale : directive(control.stale_if_error, policy.lifetime.stale_if_error);
  f.keep = policy.lifetime.keep;
  f.forbids_stale = detail::forbids_stale(view, control, f.stale_override);
  if (server_error) f.grace = f.stale_if_error = 0;
  const bool asked_for_stale = !f.forbids_stale && control.stale_while_revalidate.value_or(0) > 0;
  if (f.lifetime <= f.initial_age && !asked_for_stale) return refuse(reasons::keep_zero_lifetime);
  if (view.length && *view.length > policy.max_object)
    return refuse(reasons::keep_too_large, static_cast<std::int64_t>(*view.length), static_cast<std::int64_t>(policy.max_object));
  if (const std::string* client = detail::first_set(view, &Rule::client_cache_control)) {
    out.client_cache_control = client->c_str();
    f.client_age_offset = INT64_MAX / 2;
  }
  out.store = true;
  why.because(reasons::keep_stored, f.lifetime - f.initial_age);
  return out;
}

}  // namespace cachenode
