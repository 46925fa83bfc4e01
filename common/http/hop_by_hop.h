// SPDX-License-Identifier: BSD-2-Clause
// Fields that concern one connection only (RFC 9110 7.6.1) and those that Connection names. Pure; any thread.
#pragma once

#include "http/head.h"

namespace http {

// For a request about to be sent on: also Proxy-Authorization and HTTP2-Settings go; `TE: trailers` stays if the client said so
// (the writer names TE in its Connection), every other TE goes. Expect stays: whoever answers it itself removes it.
void remove_hop_by_hop(RequestHead& head);
// For an answer; after it was judged cacheable or not (the fields named may be Set-Cookie or Cache-Control).
void remove_hop_by_hop(ResponseHead& head);

}  // namespace http
