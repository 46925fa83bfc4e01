// SPDX-License-Identifier: BSD-2-Clause
// Heads written as text, and a policy like the one for Plone.
#pragma once

#include <string>
#include <string_view>

#include "cachenode/request_plan.h"
#include "cachenode/storable.h"
#include "http/cookies.h"

namespace cachenode {

// "GET /path" and lines "Name: value".
inline http::RequestHead request(std::string_view text) {
  http::RequestHead head;
  bool first = true;
  base::split(text, '\n', [&](std::string_view line) {
    if (line.empty()) return;
    if (first) {
      const auto space = line.find(' ');
      head.set_method(line.substr(0, space));
      head.set_target(line.substr(space + 1));
      first = false;
      return;
    }
    const auto colon = line.find(':');
    head.add(line.substr(0, colon), base::trim(line.substr(colon + 1)));
  });
  if (!head.has(http::Token::host)) head.add("Host", "www.example.org");
  return head;
}

inline http::ResponseHead answer(int status, std::string_view text = {}) {
  http::ResponseHead head(status);
  base::split(text, '\n', [&](std::string_view line) {
    if (line.empty()) return;
    const auto colon = line.find(':');
    head.add(line.substr(0, colon), base::trim(line.substr(colon + 1)));
  });
  return head;
}

inline Policy plone_policy() {
  Policy p;
  p.via_name = "cachenode-test";
  p.identity.authenticated = {"__ac", "__ac_*", "auth_token", "_ZopeId", "statusmessages"};
  p.identity.keep_cookies = {"I18N_LANGUAGE"};
  p.identity.other_cookies = OtherCookies::drop;
  p.purge.invalidate = InvalidateOn::authenticated;
  p.zero_client_s_maxage = true;
  Rule statics;
  statics.name = "static resources";
  statics.match.regex = std::make_shared<re2::RE2>(R"(^/\+\+(plone|webresource|resource)\+\+)");
  statics.unless = Match{};
  statics.unless->prefix = "/++resource++zmi";
  statics.share = true;
  Rule editing;
  editing.name = "editing";
  editing.match.regex = std::make_shared<re2::RE2>(R"(/((@@)?(edit|login|logout|require_login|captcha|createObject)(/|$)|@log(in|out)|\+\+add\+\+))");
  editing.pass = true;
  Rule up;
  up.name = "keep the site up";
  up.match.status = {200};
  up.stale_if_error = 86400;
  up.stale_override = {Directive::must_revalidate, Directive::proxy_revalidate, Directive::s_maxage};
  p.rules = {statics, editing, up};
  return p;
}

template <class W>
RequestPlan plan_for(const Policy& policy, const http::RequestHead& head, const std::string& cookies, W& why) {
  return request_plan(policy, RequestView{head, cookies, "https", {}}, why);
}
// Decides with both recorders and checks that they decide alike.
struct Planned {
  RequestPlan plan;
  std::string text;
};

}  // namespace cachenode
