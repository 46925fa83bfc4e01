// SPDX-License-Identifier: BSD-2-Clause
// How loud a connection's notice is (Service::noticed): what happens to every server all day is told at level info, a limit
// or time-out that ended somebody's request at level notice, which is logged by default. Pure.
#pragma once

#include "http/engine_reasons.h"
#include "observe/error_log.h"

namespace http {

inline observe::Level notice_level(const base::ReasonRow& row) {
  namespace r = reasons;
  const bool everyday = &row == &r::client_idle_timeout || &row == &r::client_tunnel_timeout || &row == &r::client_handshake_failed ||
                        &row == &r::client_handshake_timeout;
  return everyday ? observe::Level::info : observe::Level::notice;
}

}  // namespace http
