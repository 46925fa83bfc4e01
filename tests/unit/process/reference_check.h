// SPDX-License-Identifier: BSD-2-Clause
// For each daemon's tests: the checked-in reference and manual page are what its tables say now.
#pragma once

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/reference.h"

inline std::string deploy_file(const std::string& name) {
  const auto root = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path().parent_path();
  std::ifstream in(root / "deploy" / name);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

inline void check_reference(const config::TableBase& table, const std::string& daemon) {
  INFO("deploy/docs/update makes these files");
  const bool options_current = deploy_file("docs/" + daemon + "-options.md") == config::reference_markdown(table, daemon);
  CHECK(options_current);
  const bool page_current = deploy_file("man/" + daemon + ".8").find(config::reference_man(table)) != std::string::npos;
  CHECK(page_current);
}
