// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// Which rules hold: the first that matches among those that look at the request only, and the first among those that look at the
// answer. Rules see the public path. Any thread.
#pragma once

#include <string_view>

#include "base/bytes.h"
#include "cachenode/policy.h"
#include "cachenode/reasons.h"
#include "http/media_type.h"
#include "observe/why.h"

namespace cachenode {

struct RuleView {
  std::string_view public_path;  // match form
  std::string_view host;
  const http::RequestHead& request;
  const http::ResponseHead* answer = nullptr;
};

inline bool matches(const Match& match, const RuleView& view) {
  const std::string_view path = view.public_path;
  if (!match.path.empty() && path != match.path) return false;
  if (!match.prefix.empty()) {
    std::string_view prefix = match.prefix;
    const bool whole = prefix.ends_with('/') && prefix.size() > 1;
    if (whole) prefix.remove_suffix(1);
    if (prefix != "/" && (!path.starts_with(prefix) || (path.size() > prefix.size() && path[prefix.size()] != '/'))) return false;
  }
  if (match.regex && !re2::RE2::PartialMatch(re2::StringPiece(path.data(), path.size()), *match.regex)) return false;
  auto any = [](const auto& list, auto&& test) {
    if (list.empty()) return true;
    for (const auto& item : list)
      if (test(item)) return true;
    return false;
  };
  if (!any(match.hosts, [&](const std::string& h) { return base::glob_match(h, view.host); })) return false;
  if (!any(match.methods, [&](const std::string& m) { return view.request.method_name() == m; })) return false;
  if (!match.header.empty() && !view.request.find(match.header)) return false;
  if (!match.tests_answer()) return true;
  if (!view.answer) return false;
  if (!any(match.status, [&](int s) { return view.answer->status() == s; })) return false;
  if (!match.content_type.empty() && !http::media_matches(match.content_type, http::media_essence(view.answer->get(http::Token::content_type).value_or("")))) return false;
  return match.no_header.empty() || !view.answer->find(match.no_header);
}

// `answers` false: rules of the request; true: rules of the answer (view.answer is set). Null if none holds.
template <observe::Why W>
const Rule* find_rule(const std::vector<Rule>& rules, const RuleView& view, bool answers, W& why) {
  const Rule* found = nullptr;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const Rule& rule = rules[i];
    if (rule.tests_answer() != answers) continue;
    const auto number = static_cast<std::int64_t>(i + 1);
    const bool holds = matches(rule.match, view);
    if (!holds) {
      why.considered(reasons::rule_no_match, number, 0, rule.name);
    } else if (rule.unless && matches(*rule.unless, view)) {
      why.considered(reasons::rule_unless, number, 0, rule.name);
    } else if (found) {
      why.considered(reasons::rule_taken, number, 0, rule.name);
    } else {
      found = &rule;
      why.considered(reasons::rule_matched, number, 0, rule.name);
    }
    if constexpr (!W::explains) {
      if (found) break;
    }
  }
  return found;
}

}  // namespace cachenode
