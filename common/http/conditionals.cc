// SPDX-License-Identifier: BSD-2-Clause
#include "http/conditionals.h"

#include <algorithm>

#include "base/bytes.h"
#include "http/dates.h"
#include "http/fields.h"

namespace http {

std::optional<EntityTag> parse_etag(std::string_view text) {
  EntityTag tag;
  if (text.starts_with("W/")) {
    tag.weak = true;
    text.remove_prefix(2);
  }
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::nullopt;
  const auto inner = text.substr(1, text.size() - 2);
  const auto bad = [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u < 0x21 || u == 0x7f || c == '"';
  };
  if (std::any_of(inner.begin(), inner.end(), bad)) return std::nullopt;
  tag.opaque = text;
  return tag;
}

bool strong_match(const EntityTag& a, const EntityTag& b) { return !a.weak && !b.weak && a.opaque == b.opaque; }
bool weak_match(const EntityTag& a, const EntityTag& b) { return a.opaque == b.opaque; }

bool etag_list_matches(std::string_view list, std::string_view etag, bool strong) {
  list = base::trim(list);
  if (list == "*") return true;
  const auto current = parse_etag(etag);
  if (!current) return false;
  // Entity tags have no escapes: a backslash is an ordinary byte, so the general list parser would go astray.
  while (!list.empty()) {
    while (!list.empty() && (list.front() == ' ' || list.front() == '\t' || list.front() == ',')) list.remove_prefix(1);
    if (list.empty()) return false;
    const auto open = list.find('"');
    if (open == std::string_view::npos || open > 2) return false;
    const auto close = list.find('"', open + 1);
    if (close == std::string_view::npos) return false;
    const auto tag = parse_etag(list.substr(0, close + 1));
    if (tag && (strong ? strong_match(*tag, *current) : weak_match(*tag, *current))) return true;
    list.remove_prefix(close + 1);
  }
  return false;
}

Validators validators_of(const Head& response) {
  Validators out;
  out.etag = response.get(Token::etag).value_or("");
  if (const auto text = response.get(Token::last_modified)) out.last_modified = parse_date(*text);
  if (const auto text = response.get(Token::date)) out.date = parse_date(*text);
  return out;
}

namespace {

bool any_line_matches(const Head& request, Token token, std::string_view etag, bool strong) {
  return std::any_of(request.fields().begin(), request.fields().end(),
                     [&](const Head::Field& f) { return f.token == token && etag_list_matches(request.value(f), etag, strong); });
}

std::optional<std::int64_t> date_of(const Head& request, Token token, std::int64_t now) {
  if (request.count(token) != 1) return std::nullopt;
  return parse_date(*request.get(token), now);
}

}  // namespace

bool has_preconditions(const Head& request) {
  return request.has(Token::if_match) || request.has(Token::if_none_match) || request.has(Token::if_modified_since) ||
         request.has(Token::if_unmodified_since);
}

Precondition evaluate_preconditions(const RequestHead& request, const Validators& current, std::int64_t now) {
  const bool reads = request.method() == Method::get || request.method() == Method::head;
  if (request.has(Token::if_match)) {
    if (!any_line_matches(request, Token::if_match, current.etag, true)) return Precondition::failed;
  } else if (const auto since = date_of(request, Token::if_unmodified_since, now); since && current.last_modified) {
    if (*current.last_modified > *since) return Precondition::failed;
  }
  if (request.has(Token::if_none_match)) {
    if (any_line_matches(request, Token::if_none_match, current.etag, false)) return reads ? Precondition::not_modified : Precondition::failed;
  } else if (reads) {
    const auto since = date_of(request, Token::if_modified_since, now);
    if (since && current.last_modified && *current.last_modified <= *since) return Precondition::not_modified;
  }
  return Precondition::proceed;
}

bool if_range_holds(const Head& request, const Validators& current, std::int64_t now) {
  const auto* field = request.find(Token::if_range);
  if (field == nullptr) return true;
  if (request.count(Token::if_range) != 1) return false;
  const auto text = request.value(*field);
  if (const auto tag = parse_etag(text)) {
    const auto ours = parse_etag(current.etag);
    return ours && strong_match(*tag, *ours);
  }
  // A date is strong only if the answer was made at least a second after the last change.
  const auto since = parse_date(text, now);
  return since && current.last_modified && *current.last_modified == *since && current.date && *current.date > *current.last_modified;
}

}  // namespace http
