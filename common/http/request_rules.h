// SPDX-License-Identifier: BSD-2-Clause
// What the fields of an HTTP/1 request mean together: Host, framing, Connection, Expect, Upgrade (RFC 9110 7, 10.1.1; 9112 3.2, 6, 9).
// Pure; any thread.
#pragma once

#include "base/result.h"
#include "http/head.h"
#include "http/http1_parser.h"

namespace http {

struct RequestRules {
  Framing framing;
  bool close = false;
  bool expect_continue = false;
  bool upgrade_websocket = false;

  // Fills the above or says what is wrong (400, 417, 501).
  base::Result<void> check(const RequestHead& head);

 private:
  base::Result<void> check_framing(const RequestHead& head, const Head::Field* length, bool transfer_encoding);
  base::Result<void> check_connection(const RequestHead& head, bool& keep_alive, bool& upgrade);
};

// Fields that Connection may not name: end-to-end ones whose loss would change who asks, what for, or how it is framed.
bool connection_may_name(std::string_view field);

}  // namespace http
