// SPDX-License-Identifier: BSD-2-Clause
#include "cachenode/options.h"

namespace cachenode {

namespace {

Match compile_match(const MatchSection& section) {
  Match match;
  match.path = section.path;
  match.prefix = section.prefix;
  if (!section.regex.empty()) match.regex = std::make_shared<const re2::RE2>(section.regex, re2::RE2::Quiet);
  match.hosts = section.host;
  match.methods = section.method;
  match.header = section.header;
  match.status = section.status;
  match.content_type = section.content_type;
  match.no_header = section.no_header;
  return match;
}

std::optional<Seconds> seconds(const std::optional<base::Duration>& duration) {
  if (!duration) return std::nullopt;
  return whole_seconds(*duration);
}

Rule compile_rule(const RuleSection& section) {
  Rule rule;
  rule.name = section.name;
  rule.match = compile_match(section.match);
  if (section.unless) rule.unless = compile_match(*section.unless);
  rule.share = section.share;
  rule.pass = section.pass;
  rule.ttl = seconds(section.ttl);
  rule.override_ttl = seconds(section.override_ttl);
  rule.grace = seconds(section.grace);
  rule.stale_if_error = seconds(section.stale_if_error);
  rule.client_cache_control = section.client_cache_control;
  rule.stale_override = section.stale_override;
  rule.ignore = section.ignore;
  return rule;
}

}  // namespace

void check_options(config::Context& context, const Options& options) {
  if (options.origin.size() > 1)
    context.problem(options.origin[1].second.where, "there can be one origin only", "put the balancer in front of several");
}

Policy compile_policy(const Options& options, const std::string& default_via) {
  Policy policy;
  policy.via_name = options.via.empty() ? default_via : options.via;
  policy.via_visits = options.via_visits;
  policy.identity.authenticated = options.identity.authenticated.cookies;
  policy.identity.fields = options.identity.authenticated.fields;
  policy.identity.ignore_cookies = options.identity.ignore_cookies;
  policy.identity.keep_cookies = options.identity.keep_cookies;
  policy.identity.other_cookies = options.identity.other_cookies;
  policy.key.sort_query = options.key.query.sort;
  policy.key.remove_query = options.key.query.remove;
  policy.key.accept_class = options.key.accept_class;
  const DefaultsSection& d = options.defaults;
  policy.lifetime = {whole_seconds(d.ttl), whole_seconds(d.grace), whole_seconds(d.stale_if_error), whole_seconds(d.keep),
                     whole_seconds(d.uncacheable_ttl), whole_seconds(d.error_ttl_max)};
  for (const RuleSection& rule : options.rule) policy.rules.push_back(compile_rule(rule));
  policy.purge.methods = options.purge.methods;
  policy.purge.vhm = options.purge.vhm;
  policy.purge.settle_ms = std::chrono::duration_cast<std::chrono::milliseconds>(options.purge.settle).count();
  policy.purge.invalidate = options.purge.invalidate;
  policy.purge.not_found = options.purge.not_found;
  policy.zero_client_s_maxage = options.headers.client_s_maxage == ClientSMaxage::zero;
  policy.max_object = options.storage.max_object ? std::uint64_t{*options.storage.max_object} : std::uint64_t{options.storage.memory} / 4;
  return policy;
}

}  // namespace cachenode
