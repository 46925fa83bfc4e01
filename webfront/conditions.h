// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// Conditions of routes (`if`, `unless`): networks of clients, methods, fields, cookies, paths. All parts that are given must hold;
// of several values in a part one is enough. Immutable after configuration; any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <re2/re2.h>

#include "base/bytes.h"
#include "observe/why.h"
#include "webfront/reasons.h"
#include "webfront/request_view.h"

namespace webfront {

// Decides about addresses without this file knowing what an address is.
class ClientSet {
 public:
  virtual ~ClientSet() = default;
  virtual bool contains(std::string_view address) const = 0;
};

// Which paths something is for: at most one of the three; none means all.
struct PathTest {
  std::string path;     // exact match form
  std::string prefix;   // whole segments of the match form
  std::shared_ptr<const re2::RE2> regex;  // found anywhere in the match form

  bool given() const { return !path.empty() || !prefix.empty() || regex; }
  bool matches(std::string_view match) const {
    if (!path.empty()) return match == path || (match.size() == path.size() + 1 && match.ends_with('/') && match.starts_with(path));
    if (!prefix.empty()) return below(match, prefix);
    if (regex) return re2::RE2::PartialMatch(re2::StringPiece(match.data(), match.size()), *regex);
    return true;
  }
  std::string label() const {
    if (!path.empty()) return "path " + path;
    if (!prefix.empty()) return "prefix " + prefix;
    if (regex) return "regex " + regex->pattern();
    return "any path";
  }
};

// A field that must be there: any value if `value` is empty, else a '*' pattern.
struct FieldTest {
  std::string name;
  std::string value;
};

struct Condition {
  std::shared_ptr<const ClientSet> client;
  std::vector<std::string> methods;
  std::vector<FieldTest> headers;
  std::vector<std::string> cookies;  // name patterns
  PathTest path;

  bool given() const { return client || !methods.empty() || !headers.empty() || !cookies.empty() || path.given(); }
};

// True if one of the request's cookies has a name matching one of the patterns.
bool has_cookie(const http::Head& head, const std::vector<std::string>& patterns);
bool has_field(const http::Head& head, const FieldTest& test);

// Whether every given part holds; the recorder hears which did not.
template <observe::Why W>
bool holds(const Condition& condition, const RequestView& view, W& why) {
  if (condition.client) {
    if (!condition.client->contains(view.client)) {
      why.considered(reasons::client_outside, 0, 0, view.client);
      return false;
    }
    why.considered(reasons::client_inside, 0, 0, view.client);
  }
  if (!condition.methods.empty()) {
    bool found = false;
    for (const std::string& method : condition.methods) found = found || view.method_name == method;
    if (!found) {
      why.considered(reasons::method_differs, 0, 0, view.method_name);
      return false;
    }
  }
  for (const FieldTest& test : condition.headers) {
    if (has_field(*view.head, test)) continue;
    why.considered(reasons::header_lacks, 0, 0, test.name);
    return false;
  }
  if (!condition.cookies.empty() && !has_cookie(*view.head, condition.cookies)) {
    why.considered(reasons::cookie_lacks, 0, 0, condition.cookies.front());
    return false;
  }
  if (!condition.path.matches(view.match)) {
    why.considered(reasons::path_differs, 0, 0, condition.path.label());
    return false;
  }
  return true;
}

}  // namespace webfront
