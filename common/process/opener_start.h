// SPDX-License-Identifier: BSD-2-Clause
// Who opens what, decided once at the start: root that is to become somebody else forks the opener and drops its rights; everybody else
// opens things as whoever it is. Main thread, before there are others.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "process/daemon.h"
#include "process/opener_process.h"

namespace process {

// What the configuration names now, read by a daemon object made for it. `files`: how the configuration is read.
Named named_by(Daemon& daemon, const std::vector<std::string>& configurations, const config::Files& files = config::own_files());
// The same of a daemon that has read its configuration.
void add_names(const Daemon& daemon, Named& out);

struct AccessStart {
  std::string name;                                 // of the daemon
  std::string user;                                 // of the configuration; empty: stay who we are
  std::vector<std::string> configurations;
  std::function<std::unique_ptr<Daemon>()> make;
};
// Afterwards the process has the rights that it will serve with. Error: a sentence.
std::expected<std::unique_ptr<Access>, std::string> begin_access(const AccessStart& start);

}  // namespace process
