// SPDX-License-Identifier: BSD-2-Clause
// `webfront explain [-X METHOD] [-H FIELD]… [--client ADDRESS] URL`: what would be done with a request and why, by the templates that
// serve. Any thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "webfront/site.h"

namespace webfront {

struct ExplainRequest {
  std::string method = "GET";
  std::string client = "192.0.2.1";
  std::vector<std::string> fields;  // "Name: value"
  std::string url;                  // absolute, or a path
};

// False with `problem` for wrong arguments.
bool parse_explain(std::span<const std::string> arguments, ExplainRequest& out, std::string& problem);
// Several lines; the last says what happens.
std::string explain(const std::vector<Site>& sites, const ExplainRequest& request);

}  // namespace webfront
