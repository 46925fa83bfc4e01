// SPDX-License-Identifier: BSD-2-Clause
#include "process/admin_registry.h"

#include <catch2/catch.hpp>

using namespace process;
using Words = std::vector<std::string>;

TEST_CASE("lines become commands and words") {
  CHECK(AdminRegistry::split("  show  stat\tup\r") == Words{"show", "stat", "up"});
  CHECK(AdminRegistry::split(R"(explain -H "Cookie: a=\"b\"" 'x y' c\ d "")") == Words{"explain", "-H", "Cookie: a=\"b\"", "x y", "c d", ""});
  CHECK(AdminRegistry::split("") == Words{});
  CHECK(AdminRegistry::commands("show stat; show info;'a;b'") == Words{"show stat", " show info", "'a;b'"});
  CHECK(AdminRegistry::commands("a\\;b") == Words{"a\\;b"});
  for (const Words& words : {Words{"a", "b c", "d\"e", "f;g", "", "h\\i"}, Words{"'"}}) CHECK(AdminRegistry::split(AdminRegistry::join(words)) == words);
  // A word cannot smuggle a second line.
  CHECK(AdminRegistry::join(Words{"a\nstop"}).find('\n') == std::string::npos);
}

TEST_CASE("the longest command is run, within its level") {
  AdminRegistry registry;
  std::string ran;
  const auto note = [&](std::string what) {
    return [&ran, what](AdminArguments arguments, Reply& reply) {
      ran = what + "(" + AdminRegistry::join(arguments) + ")";
      reply.line("done");
    };
  };
  registry.add("show", "", "all", AdminLevel::user, note("show"));
  registry.add("show stat", "[up]", "counters", AdminLevel::user, note("stat"));
  registry.add("stop", "", "ends", AdminLevel::admin, note("stop"));
  Reply reply;
  registry.run(Words{"show", "stat", "up"}, AdminLevel::user, reply);
  CHECK(ran == "stat(up)");
  registry.run(Words{"show", "info"}, AdminLevel::user, reply);
  CHECK(ran == "show(info)");
  CHECK_FALSE(reply.failed);
  registry.run(Words{"stop"}, AdminLevel::operation, reply);
  CHECK(ran == "show(info)");
  CHECK(reply.failed);
  CHECK(reply.text.ends_with("Permission denied\n"));
  Reply unknown;
  registry.run(Words{"sho"}, AdminLevel::admin, unknown);
  CHECK(unknown.failed);
  CHECK(registry.help().find("show stat [up]") != std::string::npos);
  CHECK(json_string("a\"\\\n\x01") == "\"a\\\"\\\\\\n\\u0001\"");
}
