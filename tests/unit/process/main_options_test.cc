// SPDX-License-Identifier: BSD-2-Clause
#include "process/main_options.h"

#include <catch2/catch.hpp>

using process::MainOptions;
using Run = MainOptions::Run;

namespace {
MainOptions parse(std::vector<const char*> arguments) { return process::parse_main_options(arguments, "/default"); }
}  // namespace

TEST_CASE("the command line") {
  CHECK(parse({}).run == Run::serve);
  CHECK(parse({}).configurations == std::vector<std::string>{"/default"});
  CHECK(parse({"-c", "a", "-cb"}).configurations == std::vector<std::string>{"a", "b"});
  CHECK(parse({"-t"}).run == Run::test);
  CHECK(parse({"-tq"}).quiet);
  CHECK(parse({"-T"}).run == Run::dump);
  CHECK(parse({"-t", "-T"}).run == Run::dump);
  CHECK(parse({"-T", "-t"}).run == Run::dump);
  CHECK(parse({"-v"}).run == Run::version);
  CHECK(parse({"-V"}).run == Run::build);
  CHECK(parse({"-h"}).run == Run::help);
  CHECK(parse({"--reference"}).run == Run::reference);
  CHECK(parse({"--reference=man"}).manual);
  CHECK(parse({"--ready", "f"}).ready_file == "f");
  CHECK(parse({"--ready=f", "-c", "x"}).ready_file == "f");
}

TEST_CASE("words are the control client's, options behind them too") {
  const MainOptions options = parse({"-c", "x", "explain", "-X", "POST", "-H", "A: b", "http://h/"});
  CHECK(options.run == Run::control);
  CHECK(options.words == std::vector<std::string>{"explain", "-X", "POST", "-H", "A: b", "http://h/"});
  CHECK(parse({"--", "show", "stat"}).words.size() == 2);
  CHECK(parse({"--"}).run == Run::serve);
}

TEST_CASE("a wrong command line is said so") {
  for (const auto& arguments : std::vector<std::vector<const char*>>{{"-x"}, {"--nonsense"}, {"-c"}, {"--ready"}, {"-t", "-v"}, {"-t", "status"}, {"--reference=pdf"}, {"--help=x"}})
    CHECK(parse(arguments).run == Run::usage);
  CHECK(parse({"-x"}).message == "unknown option -x");
}
