// SPDX-License-Identifier: BSD-2-Clause
#include "webfront/request_view.h"

#include <algorithm>

#include "base/bytes.h"
#include "http/paths.h"

namespace webfront {

void split_host(std::string_view value, std::string& name, std::string_view& port) {
  port = {};
  std::size_t end = value.size();
  const auto bracket = value.rfind(']');
  const auto colon = value.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    end = colon;
    port = value.substr(colon + 1);
  }
  std::string_view host = value.substr(0, end);
  if (host.ends_with('.')) host.remove_suffix(1);
  name.assign(host);
  for (char& c : name) c = base::lower(c);
}

RequestView view_of(const http::RequestHead& head, bool https, std::string_view client) {
  RequestView view;
  view.method = head.method();
  view.method_name = head.method_name();
  view.target = head.target();
  const auto question = view.target.find('?');
  view.path = view.target.substr(0, question);
  view.has_query = question != std::string_view::npos;
  if (view.has_query) view.query = view.target.substr(question + 1);
  if (view.target == "*") {
    view.match = "*";
  } else {
    view.match = http::match_form(view.path);
  }
  split_host(head.host(), view.host, view.port);
  view.https = https;
  view.client = client;
  view.head = &head;
  return view;
}

namespace {

std::string_view without_final_slash(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

// Appends a decoded segment to a match form: its own slashes split it, empty and "." parts go.
void append_parts(std::string& match, std::string_view segment) {
  base::split(segment, '/', [&match](std::string_view part) {
    if (!part.empty() && part != ".") (match += '/') += part;
  });
}

}  // namespace

bool below(std::string_view match, std::string_view prefix) {
  prefix = without_final_slash(prefix);
  return match.starts_with(prefix) && (match.size() == prefix.size() || match[prefix.size()] == '/');
}

bool cut_prefix(std::string_view raw, std::string_view prefix, std::string_view& rest) {
  prefix = without_final_slash(prefix);
  std::string match;
  std::size_t at = 0;
  while (match.size() < prefix.size()) {
    if (at >= raw.size() || raw[at] != '/') return false;
    const std::size_t next = std::min(raw.find('/', at + 1), raw.size());
    append_parts(match, http::percent_decode(raw.substr(at + 1, next - at - 1)));
    at = next;
  }
  if (match != prefix) return false;
  rest = raw.substr(at);
  return true;
}

}  // namespace webfront
