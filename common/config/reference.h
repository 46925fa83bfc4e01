// SPDX-License-Identifier: BSD-2-Clause
// The reference of all options, made from the tables: Markdown for people who browse, a section of the manual page. Pure.
#pragma once

#include <string>

#include "config/option_table.h"

namespace config {

// `name` is the daemon's.
std::string reference_markdown(const TableBase& root, const std::string& name);
// `.SS` and `.TP` paragraphs, to stand under a `.SH` of the page.
std::string reference_man(const TableBase& root);

}  // namespace config
