// SPDX-License-Identifier: BSD-2-Clause
// The option `admin`: an address, a table, a list of either.
#include "process/sections/admin_options.h"

#include <catch2/catch.hpp>

#include "config/loader.h"

using namespace process;

namespace {


AdminDoors read(const std::string& text, std::string& problems) {
  config::Context context;
  AdminDoors out;
  config::load_text(context, "a", text);
  if (const config::Node* node = context.root().find("admin")) config::Value<AdminDoors>::read(context, *node, out);
  problems = context.render_all();
  return out;
}

std::string text(const AdminDoors& doors) { return config::inline_text(config::Value<AdminDoors>::write(doors)); }

std::string control(const std::string& toml) {
  config::Context context;
  config::load_text(context, "a", toml);
  return control_address(*context.root().find("admin"));
}

}  // namespace

TEST_CASE("an address alone may do all") {
  std::string problems;
  const AdminDoors doors = read("admin = \"unix:/tmp/a\"", problems);
  CHECK(problems == "");
  REQUIRE(doors.doors.size() == 1);
  CHECK(doors.doors[0].level == AdminLevel::admin);
  CHECK(doors.doors[0].mode_bits() == 0660);
  CHECK(text(doors) == "\"unix:/tmp/a\"");
}

TEST_CASE("tables say who may do what") {
  std::string problems;
  const std::string toml = "admin = [\"unix:/tmp/a\", { address = \"unix:/tmp/b\", level = \"operator\", mode = \"0600\", group = \"root\" }, "
                           "{ address = \"127.0.0.1:9000\", level = \"user\" }]";
  const AdminDoors doors = read(toml, problems);
  CHECK(problems == "");
  REQUIRE(doors.doors.size() == 3);
  CHECK(doors.doors[0].level == AdminLevel::admin);
  CHECK(doors.doors[1].level == AdminLevel::operation);
  CHECK(doors.doors[1].mode_bits() == 0600);
  CHECK(doors.doors[1].group == "root");
  CHECK(doors.doors[2].level == AdminLevel::user);
  // What is printed means the same.
  const std::string once = text(doors);
  CHECK(text(read("admin = " + once, problems)) == once);
  CHECK(problems == "");
  CHECK(read("admin = { address = \"unix:/tmp/a\", level = \"user\" }", problems).doors.at(0).level == AdminLevel::user);
  CHECK(problems == "");
}

TEST_CASE("what nobody guards must not command") {
  std::string problems;
  read("admin = \"127.0.0.1:9000\"", problems);
  CHECK(problems.find("a:1:") == 0);
  CHECK(problems.find("nobody is asked who he is") != std::string::npos);
  CHECK(problems.find("level = \"user\"") != std::string::npos);
  read("admin = [{ address = \"[::1]:9000\", level = \"operator\" }]", problems);
  CHECK(problems.find("nobody is asked who he is") != std::string::npos);
}

TEST_CASE("wrong doors have their place and a cure") {
  std::string problems;
  read("admin = { address = \"unix:/tmp/a\", mode = \"0960\" }", problems);
  CHECK(problems.find("write them as in \"0660\"") != std::string::npos);
  read("admin = { address = \"unix:/tmp/a\", group = \"no-such-group-here\" }", problems);
  CHECK(problems.find("there is no group \"no-such-group-here\"") != std::string::npos);
  read("admin = { address = \"unix:/tmp/a\", level = \"root\" }", problems);
  CHECK(problems.find("operator") != std::string::npos);
  read("admin = { level = \"user\" }", problems);
  CHECK(problems.find("\"address\" is missing") != std::string::npos);
  read("admin = 5", problems);
  CHECK(problems.find("address") != std::string::npos);
  read("admin = [\"unix:/tmp/a\", \"unix:/tmp/a\"]", problems);
  CHECK(problems.find("twice") != std::string::npos);
}

TEST_CASE("the control client finds its door even if others are wrong") {
  CHECK(control("admin = \"unix:/a\"") == "unix:/a");
  CHECK(control("admin = { address = \"unix:/a\", level = 5 }") == "unix:/a");
  CHECK(control("admin = [{ address = \"unix:/a\", level = \"user\" }, 5, { address = \"unix:/b\" }]") == "unix:/b");
  CHECK(control("admin = [{ address = \"unix:/a\", level = \"user\" }]") == "unix:/a");
  CHECK(control("admin = []") == "");
}
