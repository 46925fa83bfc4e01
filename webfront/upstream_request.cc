// SPDX-License-Identifier: BSD-2-Clause
#include "webfront/upstream_request.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "base/bytes.h"
#include "http/forwarded.h"
#include "http/hop_by_hop.h"

namespace webfront {

namespace {

// Marks between tiers that applications act upon.
bool is_mark(std::string_view name) {
  static constexpr std::string_view marks[] = {"X-Anonymous", "X-Varnish-Routed", "X-Sendfile", "X-Sendfile-Type", "X-Accel-Mapping", "X-Accel-Redirect"};
  return std::any_of(std::begin(marks), std::end(marks), [name](std::string_view mark) { return base::iequals(name, mark); });
}

}  // namespace

void clean_request(http::RequestHead& head, bool peer_trusted) {
  http::remove_hop_by_hop(head);
  head.remove(http::Token::expect);  // 100 was sent here
  if (peer_trusted) return;
  http::strip_claims(head);
  http::strip_identity_claims(head);
  head.remove_if([&head](const http::Head::Field& f) { return is_mark(head.name(f)); });
}

}  // namespace webfront
