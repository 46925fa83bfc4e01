// SPDX-License-Identifier: BSD-2-Clause
// `NAME word …`: tells the running daemon over its admin socket and prints the answer. Blocking; main thread.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "net/address.h"

namespace process {

struct ControlAnswer {
  int status = 0;    // HTTP status of the admin socket
  std::string text;
};
// nullopt: nobody listens there (errno says why). Waits at most `seconds` for the answer: longer than commands that answer later take.
std::optional<ControlAnswer> ask(const net::Address& admin, const std::string& command, int seconds = 90);

}  // namespace process
