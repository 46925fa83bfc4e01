// SPDX-License-Identifier: BSD-2-Clause
// From TOML files to a Context's tree: includes, several files, `${NAME}` from the environment. The only place where toml++ is
// used and where exceptions live; they end here. One thread.
#pragma once

#include <span>
#include <string>

#include "config/option_table.h"

namespace config {

// Reads the files (a directory stands for all its *.toml, sorted) and what their `include` names, and merges them: tables
// join, lists of tables follow one another, anything else given twice is a problem. False if something was wrong; the
// context says what (the first syntax error of each file, then problems of meaning).
bool load_files(Context& context, std::span<const std::string> paths);
// The same from memory, without includes.
bool load_text(Context& context, const std::string& name, const std::string& text);

// Reads the tree into the root section. True if there was no error at all.
template <class S>
bool read_root(Context& context, S& out) {
  if (context.syntax_failed()) return false;
  table_of<S>().read(context, context.root(), out);
  return !context.failed();
}
// The effective configuration as TOML, defaults included: -T.
template <class S>
std::string effective_text(const S& root) {
  return document_text(table_of<S>().write(root));
}

}  // namespace config
