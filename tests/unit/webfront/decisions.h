// SPDX-License-Identifier: BSD-2-Clause
// What the tests of webfront's decisions share: requests and sites in a line each.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>

#include <catch2/catch.hpp>

#include "webfront/plan.h"

namespace webfront {

using FieldList = std::initializer_list<std::pair<const char*, const char*>>;

inline http::RequestHead request(const char* method, const char* host, const char* target, FieldList fields = {}) {
  http::RequestHead head;
  head.set_method(method);
  head.set_target(target);
  if (host) head.add(http::Token::host, host);
  for (const auto& [name, value] : fields) head.add(std::string_view(name), value);
  return head;
}

class FixedClients final : public ClientSet {
 public:
  explicit FixedClients(std::string prefix) : prefix_(std::move(prefix)) {}
  bool contains(std::string_view address) const override { return address.starts_with(prefix_); }

 private:
  std::string prefix_;
};

inline TextTemplate text(std::string_view source) {
  TextTemplate out;
  std::string problem;
  INFO(source);
  REQUIRE(TextTemplate::compile(source, out, problem));
  return out;
}

inline Route proxy_route(std::string name, PathTest path = {}) {
  Route route;
  route.label = name;
  route.name = name;
  route.path = std::move(path);
  route.proxy = "cache";
  return route;
}

inline PathTest prefix(std::string of) { return {{}, std::move(of), {}}; }
inline PathTest exact(std::string of) { return {std::move(of), {}, {}}; }
inline PathTest regex(const char* of) { return {{}, {}, std::make_shared<re2::RE2>(of)}; }

// The decision as serving makes it, checked against the one explain makes.
struct Judged {
  Plan plan;
  std::string why;
  const base::ReasonRow* row;
};
inline Judged judge(const std::vector<Site>& sites, const http::RequestHead& head, bool https = true, std::string_view client = "192.0.2.7") {
  const RequestView view = view_of(head, https, client);
  observe::FullWhy full;
  observe::LastReason last;
  Judged out;
  out.plan = decide(sites, view, full);
  const Plan served = decide(sites, view, last);
  CHECK(served.action == out.plan.action);
  CHECK(served.site == out.plan.site);
  CHECK(served.route == out.plan.route);
  CHECK(served.target == out.plan.target);
  CHECK(served.status == out.plan.status);
  CHECK(last.last().row == full.last());
  out.plan.file = {};
  out.why = full.text();
  out.row = full.last();
  return out;
}

}  // namespace webfront
