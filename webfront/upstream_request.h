// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// What of a client's request goes on to the upstream, and whether it may be sent twice. Pure; any thread.
#pragma once

#include "http/head.h"

namespace webfront {

// Removes what concerns the client's connection only and what only a trusted peer may say.
void clean_request(http::RequestHead& head, bool peer_trusted);

// GET, HEAD and OPTIONS without a body: what met a connection that had just been closed is sent once more.
constexpr bool can_repeat(http::Method method, bool no_body) {
  return no_body && (method == http::Method::get || method == http::Method::head || method == http::Method::options);
}

}  // namespace webfront
