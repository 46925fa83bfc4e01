// SPDX-License-Identifier: BSD-2-Clause
#include "config/reference.h"

#include <catch2/catch.hpp>

#include "example_sections.h"

TEST_CASE("the reference says every row of every section once") {
  const std::string text = config::reference_markdown(config::table_of<example::Options>(), "example");
  for (const char* header : {"## `[[listen]]`", "## `[tls.NAME]`", "## `[[tls.NAME.certificates]]`", "## `[[site.route]]`", "## `[server.check]`",
                             "## `[[server]]`"})
    CHECK(text.find(header) != std::string::npos);
  CHECK(text.find("| `workers` | number or \"auto\", 1 to 256 | `\"auto\"` | restart | Threads that serve. |") != std::string::npos);
  CHECK(text.find("| `idle_timeout` | duration, at least \"1ms\" | `\"1m\"` | live | How long a connection may wait. |") != std::string::npos);
  CHECK(text.find("| `address` | list of strings | required | restart | Addresses. |") != std::string::npos);
  CHECK(text.find("| `unknown_sni` | one of \"reject\", \"default\" | `\"reject\"` | rebuild |") != std::string::npos);
  CHECK(text == config::reference_markdown(config::table_of<example::Options>(), "example"));
}

TEST_CASE("the manual's section is troff") {
  const std::string text = config::reference_man(config::table_of<example::Options>());
  CHECK(text.find(".SS [[listen]]\n") != std::string::npos);
  CHECK(text.find(".TP\n\\fBidle_timeout\\fR\nHow long a connection may wait.\n.br\nduration, at least \"1ms\"; default \"1m\".\n") != std::string::npos);
}
