// SPDX-License-Identifier: BSD-2-Clause
// What nghttp2 calls. Each only notes, queues and rings; nothing is sent, opened or destroyed from here, but streams that
// nobody holds are put on the list of the forgotten. Worker thread.
#pragma once

#include <nghttp2/nghttp2.h>

namespace http2 {

class Session;

// A server session whose user data is `session`. Null only without memory.
nghttp2_session* make_nghttp2(Session& session, std::size_t max_continuations);

}  // namespace http2
