// SPDX-License-Identifier: BSD-2-Clause
// The whole of main(): command line, configuration, life of the process.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "process/daemon.h"

namespace process {

struct DaemonDefinition {
  std::string name;  // "webfront"
  std::function<std::unique_ptr<Daemon>()> make;
};

// The exit code: 0 well, 1 configuration or run-time error, 2 wrong usage.
int run_daemon(int argc, const char* const* argv, const DaemonDefinition& definition);

}  // namespace process
