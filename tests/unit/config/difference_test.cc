// SPDX-License-Identifier: BSD-2-Clause
#include <catch2/catch.hpp>

#include "config/difference.h"
#include "example_sections.h"

namespace {

config::Difference between(const char* before, const char* after) {
  const auto read = [](const char* text) {
    config::Context context;
    REQUIRE(config::load_text(context, "c.toml", text));
    example::Options options;
    config::read_root(context, options);
    INFO(context.render_all());
    REQUIRE_FALSE(context.failed());
    return config::table_of<example::Options>().write(options);
  };
  return config::difference(config::table_of<example::Options>(), read(before), read(after));
}

std::string text(const char* before, const char* after) { return config::difference_text(between(before, after)); }

}  // namespace

TEST_CASE("what stands still is counted, whatever its place") {
  const char* a = "[[listen]]\naddress = [\"a:1\"]\n[[listen]]\naddress = [\"b:1\"]\n[[site]]\nnames = [\"x\"]\n";
  CHECK(text(a, a) == "nothing changed\nkept as they are: 2 listen, 1 site\n");
  const char* b = "[[site]]\nnames = [\"x\"]\n[[listen]]\naddress = [\"b:1\"]\n[[listen]]\naddress = [\"a:1\"]\n";
  CHECK(text(a, b) == "order changed listen\nkept as they are: 2 listen, 1 site\n");
}

TEST_CASE("items are compared by name, and named in the answer") {
  const char* a = "[[listen]]\naddress = [\"a:1\"]\n[[site]]\nnames = [\"x\"]\n[[site.route]]\nprefix = \"/a\"\nproxy = \"one\"\n[[site.route]]\nproxy = \"two\"\n";
  const char* b = "[[listen]]\naddress = [\"b:1\"]\n[[site]]\nnames = [\"x\"]\n[[site.route]]\nprefix = \"/a\"\nproxy = \"three\"\n[[site.route]]\nproxy = \"two\"\n";
  const config::Difference difference = between(a, b);
  REQUIRE(difference.changes.size() == 3);
  CHECK(config::difference_text(difference) == "removed listen.a:1\nadded listen.b:1\nchanged site.x.route./a.proxy: \"one\" -> \"three\"\nkept as they are: 1 site.route\n");
  CHECK_FALSE(difference.needs_restart());
}

TEST_CASE("what needs a restart is marked") {
  const config::Difference difference = between("workers = 2\n", "workers = 3\n");
  REQUIRE(difference.changes.size() == 1);
  CHECK(difference.needs_restart());
  CHECK(config::difference_text(difference) == "changed workers: 2 -> 3  (needs a restart; the old value stays till then)\n");
}

TEST_CASE("two items of one name are told apart by their order") {
  CHECK(text("[[listen]]\naddress = [\"a:0\"]\n[[listen]]\naddress = [\"a:0\"]\n", "[[listen]]\naddress = [\"a:0\"]\n") ==
        "removed listen.a:0#2\nkept as they are: 1 listen\n");
}
