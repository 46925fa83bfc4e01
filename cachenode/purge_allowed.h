// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// Who may invalidate: the connection's peer must be listed, and the request must bear no sign of another proxy, or every visitor of
// a proxy on the same host would be allowed. Any thread.
#pragma once

#include <algorithm>

#include "cachenode/policy.h"
#include "cachenode/reasons.h"
#include "http/head.h"
#include "observe/why.h"

namespace cachenode {

template <observe::Why W>
bool purge_allowed(const PurgePolicy& policy, const http::RequestHead& head, bool peer_listed, W& why) {
  if (std::find(policy.methods.begin(), policy.methods.end(), head.method_name()) == policy.methods.end()) {
    why.because(reasons::purge_method, 0, 0, head.method_name());
    return false;
  }
  if (!peer_listed) {
    why.because(reasons::purge_peer);
    return false;
  }
  using http::Token;
  for (const Token token : {Token::via, Token::forwarded, Token::x_forwarded_for, Token::x_real_ip}) {
    if (!head.has(token)) continue;
    why.because(reasons::purge_proxied, 0, 0, http::field_name(token));
    return false;
  }
  why.because(reasons::purge_ok);
  return true;
}

}  // namespace cachenode
