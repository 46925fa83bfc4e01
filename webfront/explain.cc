// SPDX-License-Identifier: BSD-2-Clause
#include "webfront/explain.h"

#include "base/bytes.h"
#include "http/paths.h"
#include "webfront/plan.h"

namespace webfront {

bool parse_explain(std::span<const std::string> arguments, ExplainRequest& out, std::string& problem) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    const bool option = word == "-X" || word == "-H" || word == "--client";
    if (option && i + 1 == arguments.size()) {
      problem = word + " needs a value";
      return false;
    }
    if (word == "-X") out.method = arguments[++i];
    else if (word == "-H") out.fields.push_back(arguments[++i]);
    else if (word == "--client") out.client = arguments[++i];
    else if (word.starts_with('-')) problem = "unknown option " + word;
    else if (out.url.empty() && arguments.size() > i + 1 && !arguments[i + 1].starts_with('-') && word.find('/') == std::string::npos) out.method = word;
    else if (out.url.empty()) out.url = word;
    else problem = "one URL only";
    if (!problem.empty()) return false;
  }
  if (out.url.empty()) problem = "usage: explain [-X METHOD] [-H FIELD]... [--client ADDRESS] URL";
  return problem.empty();
}

namespace {

struct Url {
  bool https = true;
  std::string host;
  std::string target;
};

Url split_url(const std::string& text) {
  Url out;
  std::string_view rest = text;
  const bool http = base::istarts_with(rest, "http://");
  if (http || base::istarts_with(rest, "https://")) {
    out.https = !http;
    rest.remove_prefix(http ? 7 : 8);
    const auto end = std::min(rest.find_first_of("/?"), rest.size());
    out.host = rest.substr(0, end);
    rest.remove_prefix(end);
  }
  out.target = rest;
  if (!out.target.starts_with('/')) out.target.insert(out.target.begin(), '/');
  return out;
}

std::string outcome(const Plan& plan, const RequestView& view) {
  switch (plan.action) {
    case Action::refuse: return "answer " + std::to_string(plan.status) + " " + std::string(http::reason_phrase(plan.status)) + " (" + plan.refusal->name + ")";
    case Action::respond: return "answer " + std::to_string(plan.status) + " " + std::string(http::reason_phrase(plan.status));
    case Action::redirect: return "answer " + std::to_string(plan.status) + ", Location: " + plan.location;
    case Action::files: return "file " + plan.route->files->place.root + "/" + std::string(plan.file);
    case Action::proxy: return "send to " + plan.route->proxy + ": " + std::string(view.method_name) + " " + (plan.target.empty() ? std::string(view.target) : plan.target);
  }
  return {};
}

}  // namespace

std::string explain(const std::vector<Site>& sites, const ExplainRequest& request) {
  Url url = split_url(request.url);
  std::string out = request.method + " " + (url.https ? "https" : "http") + "://" + url.host + url.target + "\n";
  auto normal = http::normalise_target(url.target);
  if (!normal) {
    out += "  = " + normal.error().reason.text() + " (" + normal.error().reason.code() + ")\n";
    return out + "answer " + std::to_string(normal.error().reason.row->status) + "\n";
  }
  if (!normal->empty()) url.target = *normal;
  http::RequestHead head;
  head.set_method(request.method);
  head.set_target(url.target);
  if (!url.host.empty()) head.add(http::Token::host, url.host);
  for (const std::string& field : request.fields) {
    const auto colon = std::min(field.find(':'), field.size());
    const std::string_view name = std::string_view(field).substr(0, colon);
    const std::string_view value = base::trim(std::string_view(field).substr(std::min(colon + 1, field.size())));
    if (base::iequals(name, "Host")) head.set(http::Token::host, value);
    else if (!name.empty()) head.add(name, value);
  }
  const RequestView view = view_of(head, url.https, request.client);
  observe::FullWhy why;
  const Plan plan = decide(sites, view, why);
  out += why.text();
  return out + outcome(plan, view) + "\n";
}

}  // namespace webfront
