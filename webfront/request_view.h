// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// What decisions may look at: the request's head, its match form, its host in key form and who asks. Made once a request by the
// exchange or by `explain`; the views point into the head, which must outlive it. Worker thread.
#pragma once

#include <string>
#include <string_view>

#include "http/head.h"

namespace webfront {

struct RequestView {
  http::Method method = http::Method::get;
  std::string_view method_name;
  std::string_view target;   // origin-form, the client's bytes
  std::string_view path;     // of it, without query
  std::string_view query;    // without '?'
  bool has_query = false;
  std::string match;         // every %XX decoded, empty and "." segments dropped: what routes and refusals look at
  std::string host;          // lower case, without port and final dot; "[::1]" keeps its brackets; empty if none
  std::string_view port;     // as Host named it, empty if it did not
  bool https = false;        // effective scheme: a trusted peer's word, else the listener's
  std::string_view client;   // textual address, after the trusted hops
  const http::Head* head = nullptr;
};

// Splits a Host value into name (lower case, no final dot) and port.
void split_host(std::string_view value, std::string& name, std::string_view& port);

// The head has passed its parser: the target is origin-form with a match form, or "*".
RequestView view_of(const http::RequestHead& head, bool https, std::string_view client);

// Cuts as many leading segments off the raw path as `prefix`, a match form, has: "/a/b" off "//a/./b/c" leaves "/c", off
// "/a/b" leaves "". False if the path's match form does not begin with it, or its end lies inside a segment ("/a%2Fb/c" against "/a").
bool cut_prefix(std::string_view raw, std::string_view prefix, std::string_view& rest);

// True if `match` equals `prefix` or continues it with a segment. Both are match forms; a final slash means nothing.
bool below(std::string_view match, std::string_view prefix);

}  // namespace webfront
