// SPDX-License-Identifier: BSD-2-Clause
#include "config/option_table.h"

namespace config {

std::vector<std::string> TableBase::names() const {
  std::vector<std::string> out;
  for (const RowInfo* info : infos()) out.push_back(info->name);
  return out;
}

void TableBase::report_unknown(Context& context, const Node& table) const {
  const std::vector<std::string> known = names();
  for (const Node& child : table.children) {
    bool found = false;
    for (const std::string& name : known) found = found || name == child.key;
    if (found) continue;
    std::string cure = suggestion(child.key, known);
    if (cure.empty()) {
      cure = "known here:";
      for (const std::string& name : known) cure += " " + name;
    }
    const std::string place = table.key.empty() ? std::string() : " in \"" + table.key + "\"";
    context.problem(child.key_where ? child.key_where : child.where, "unknown option \"" + child.key + "\"" + place, std::move(cure));
  }
}

}  // namespace config
