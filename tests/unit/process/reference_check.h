// SPDX-License-Identifier: BSD-2-Clause
// For each daemon's tests: the checked-in reference and manual page are what its tables say now.
#pragma once

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/loader.h"
#include "config/reference.h"

// The build says where (tests/CMakeLists.txt): a compiler cache may make __FILE__ relative.
inline std::filesystem::path deploy_folder() { return DEPLOY_FOLDER; }

inline std::string deploy_file(const std::string& name) {
  std::ifstream in(deploy_folder() / name);
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

// Every sample is well, and what -T prints of it means the same.
template <class Root>
void check_samples(const std::string& daemon) {
  int found = 0;
  for (const auto& sample : std::filesystem::directory_iterator(deploy_folder() / "samples")) {
    const auto file = sample.path() / (daemon + ".toml");
    if (!std::filesystem::exists(file)) continue;
    ++found;
    const auto read = [](const std::string& name, const std::string& text) {
      config::Context context;
      Root root;
      config::load_text(context, name, text);
      config::read_root(context, root);
      INFO(context.render_all());  // warnings are allowed: a sample may do knowingly what deserves one
      CHECK_FALSE(context.failed());
      return config::effective_text(root);
    };
    const std::string once = read(file.string(), deploy_file("samples/" + sample.path().filename().string() + "/" + daemon + ".toml"));
    CHECK(read("effective", once) == once);
  }
  CHECK(found > 0);
}
