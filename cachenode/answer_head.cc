// SPDX-License-Identifier: BSD-2-Clause
#include "cachenode/answer_head.h"

#include <algorithm>

#include "base/bytes.h"
#include "cachenode/vary.h"
#include "http/cache_control.h"
#include "http/conditionals.h"
#include "http/cookies.h"
#include "http/hop_by_hop.h"

namespace cachenode {

namespace {

using http::Token;

bool is_identity_field(const IdentityPolicy& policy, Token token, std::string_view name) {
  switch (token) {
    case Token::authorization:
    case Token::proxy_authorization:
    case Token::client_cert:
    case Token::client_cert_chain:
    case Token::remote_user:
    case Token::x_remote_user:
    case Token::x_forwarded_user: return true;
    case Token::other: break;
    default: return false;
  }
  if (base::istarts_with(name, "Client-Cert")) return true;
  return std::any_of(policy.fields.begin(), policy.fields.end(), [name](const std::string& f) { return base::iequals(f, name); });
}

bool is_conditional(Token token) {
  return token == Token::if_match || token == Token::if_none_match || token == Token::if_modified_since || token == Token::if_unmodified_since ||
         token == Token::if_range || token == Token::range;
}

// Fields of one answer to one request: they say nothing about the next.
bool is_of_one_answer(Token token, std::string_view name) {
  if (token == Token::x_request_id || token == Token::age) return true;
  return token == Token::other && (base::iequals(name, "Server-Timing") || base::iequals(name, "traceparent") || base::iequals(name, "tracestate"));
}

bool is_control(Token token) {
  return token == Token::cache_control || token == Token::expires || token == Token::pragma || token == Token::cachenode_cache_control ||
         token == Token::cdn_cache_control || token == Token::surrogate_control;
}

bool rule_ignores(const Rule* a, const Rule* b, Directive directive) {
  return (a && has_directive(a->ignore, directive)) || (b && has_directive(b->ignore, directive));
}

}  // namespace

http::RequestHead fetch_request(const Policy& policy, const http::RequestHead& client, const RequestPlan& plan, const http::ResponseHead* stored) {
  http::RequestHead head = client;
  head.set_method("GET");
  if (!plan.key.fetch_target.empty()) head.set_target(plan.key.fetch_target);
  http::remove_hop_by_hop(head);
  const bool gzip = wants_gzip(client);
  head.remove_if([&](const http::Head::Field& field) {
    const std::string_view name = head.name(field);
    return is_conditional(field.token) || field.token == Token::cookie || field.token == Token::accept_encoding || field.token == Token::expect ||
           field.token == Token::content_length || field.token == Token::cache_control || field.token == Token::pragma ||
           is_identity_field(policy.identity, field.token, name) || is_dropped_by_look_up(name);
  });
  head.set(Token::host, plan.key.host);
  if (gzip) head.add(Token::accept_encoding, "gzip");
  if (!plan.identity.kept_cookies.empty()) head.add(Token::cookie, plan.identity.kept_cookies);
  if (stored) {
    if (const auto etag = stored->get(Token::etag)) head.add(Token::if_none_match, *etag);
    if (const auto modified = stored->get(Token::last_modified)) head.add(Token::if_modified_since, *modified);
  }
  return head;
}

void pass_request(http::RequestHead& head, const RequestPlan& plan) {
  if (!plan.key.host.empty()) head.set(Token::host, plan.key.host);
}

void client_head(const Policy& policy, http::ResponseHead& head) {
  head.remove(Token::cachenode_cache_control);
  if (policy.zero_client_s_maxage) http::edit_directive(head, "s-maxage", "0");
}

http::ResponseHead kept_head(const Policy& policy, const http::ResponseHead& answer, const Rule* request_rule, const Rule* answer_rule,
                             const char* client_cache_control) {
  http::ResponseHead head = answer;
  http::remove_hop_by_hop(head);
  head.remove_if([&](const http::Head::Field& field) { return is_of_one_answer(field.token, head.name(field)); });
  head.remove(Token::content_length);
  head.remove(Token::surrogate_control);
  if (rule_ignores(request_rule, answer_rule, Directive::set_cookie)) head.remove(Token::set_cookie);
  if (head.has(Token::content_encoding)) {
    bool there = false;
    http::for_each_in_field(head, Token::vary, [&](std::string_view name) { there = there || name == "*" || base::iequals(name, "Accept-Encoding"); });
    if (!there) {
      const std::string before = head.joined(Token::vary);
      head.set(Token::vary, before.empty() ? "Accept-Encoding" : before + ", Accept-Encoding");
    }
  }
  client_head(policy, head);
  if (client_cache_control) {
    head.set(Token::cache_control, client_cache_control);
    head.remove(Token::expires);
    head.remove(Token::pragma);
  }
  return head;
}

http::ResponseHead control_fields(const http::ResponseHead& answer) {
  http::ResponseHead out(answer.status());
  for (const auto& field : answer.fields())
    if (is_control(field.token)) out.add(field.token, answer.value(field));
  return out;
}

http::ResponseHead with_control_fields(const http::ResponseHead& kept, const http::ResponseHead& control) {
  http::ResponseHead out = kept;
  out.remove_if([](const http::Head::Field& field) { return is_control(field.token); });
  for (const auto& field : control.fields()) out.add(field.token, control.value(field));
  return out;
}

bool merge_not_modified(const http::ResponseHead& stored, const http::ResponseHead& not_modified, http::ResponseHead& merged) {
  const auto fresh_tag = not_modified.get(Token::etag);
  const auto stored_tag = stored.get(Token::etag);
  if (fresh_tag && stored_tag) {
    const auto a = http::parse_etag(*fresh_tag), b = http::parse_etag(*stored_tag);
    if (!a || !b ? *fresh_tag != *stored_tag : !http::weak_match(*a, *b)) return false;
  } else if (fresh_tag) {
    return false;
  }
  merged = stored;
  http::ResponseHead update = not_modified;
  http::remove_hop_by_hop(update);
  // A field that the 304 has replaces all lines of the stored one; several lines of it stay several.
  std::vector<std::string> replaced;
  for (const auto& field : update.fields()) {
    const std::string_view name = update.name(field);
    if (field.token == Token::content_length || field.token == Token::content_encoding || field.token == Token::content_type ||
        field.token == Token::content_range || field.token == Token::transfer_encoding || field.token == Token::set_cookie)
      continue;
    const bool first = std::none_of(replaced.begin(), replaced.end(), [name](const std::string& r) { return base::iequals(r, name); });
    if (first) {
      replaced.emplace_back(name);
      merged.remove(name);
    }
    merged.add(name, update.value(field));
  }
  return true;
}

}  // namespace cachenode
