// SPDX-License-Identifier: BSD-2-Clause
// The command line, the same for all three daemons. Pure; main thread.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace process {

struct MainOptions {
  enum class Run : std::uint8_t {
    serve,      // options only: the daemon, in the foreground
    test,       // -t
    dump,       // -T
    version,    // -v
    build,      // -V
    help,       // -h
    reference,  // --reference: the reference as Markdown; --reference=man: for the manual page
    control,    // words: the control client
    usage,      // a wrong command line: exit 2
  };
  Run run = Run::serve;
  std::vector<std::string> configurations;  // -c, repeatable
  std::string ready_file;                   // --ready FILE
  std::string admin;                        // --admin ADDRESS: the control client's socket, instead of the configuration's
  bool quiet = false;                       // -q
  bool manual = false;                      // --reference=man
  std::vector<std::string> words;           // control: the command and its arguments
  std::string message;                      // usage: what was wrong
};

// `default_configuration` is used where no -c is given.
MainOptions parse_main_options(std::span<const char* const> arguments, const std::string& default_configuration);
std::string usage_text(const std::string& name);

}  // namespace process
