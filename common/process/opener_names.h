// SPDX-License-Identifier: BSD-2-Clause
// What a configuration names that may need rights to be opened: the list that the opener keeps to, and that `-t` looks through.
// Values.
#pragma once

#include <string>
#include <vector>

#include "net/address.h"

namespace config {
class Context;
}

namespace process {

struct Named {
  std::vector<net::Address> addresses;  // listened on
  std::vector<std::string> files;       // read: certificates, keys, pages, …
  std::vector<std::string> logs;        // appended to
  // The configuration itself; all is read again when one of these changed.
  std::vector<std::string> sources;
  std::vector<std::string> patterns;    // of its `include`, and of directories
  std::string problem;                  // why the rest is not known; empty: it is
};

// Warnings for what the configuration names and we have no right to: nobody can say whether it would work.
void warn_of_rights(config::Context& context, const Named& named);

}  // namespace process
