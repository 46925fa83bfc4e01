// SPDX-License-Identifier: BSD-2-Clause
#include "webfront/upstream_request.h"

#include "http/forwarded.h"
#include "http/hop_by_hop.h"

namespace webfront {

void clean_request(http::RequestHead& head, bool peer_trusted) {
  http::remove_hop_by_hop(head);
  head.remove(http::Token::expect);  // 100 was sent here
  if (peer_trusted) return;
  http::strip_claims(head);
  http::strip_identity_claims(head);
  // Marks between tiers that applications act upon.
  for (const std::string_view name : {"X-Anonymous", "X-Varnish-Routed", "X-Sendfile", "X-Sendfile-Type", "X-Accel-Mapping", "X-Accel-Redirect"})
    head.remove(name);
}

}  // namespace webfront
