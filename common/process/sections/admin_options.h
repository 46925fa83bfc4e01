// SPDX-License-Identifier: BSD-2-Clause
// Where the process takes commands, and what may be commanded there. Values.
#pragma once

#include <string>
#include <vector>

#include "config/option_table.h"
#include "process/sections/values.h"

namespace process {

enum class AdminLevel : std::uint8_t { user, operation, admin };  // looks | changes what serves | all, ends the process
inline config::Words<AdminLevel> option_words(AdminLevel) {
  return {{"user", AdminLevel::user}, {"operator", AdminLevel::operation}, {"admin", AdminLevel::admin}};
}

// One address for commands. Written as the address alone it has these defaults.
struct AdminDoor {
  Address address;
  AdminLevel level = AdminLevel::admin;
  std::string mode = "0660";  // of a Unix socket's file
  std::string group;          // the file is given to it; empty: the group of the process
  unsigned mode_bits() const;
};

// An address, a table, or a list of either.
struct AdminDoors {
  std::vector<AdminDoor> doors;
  bool empty() const { return doors.empty(); }
};

// The address that a control client uses, out of the value in the file, whatever else may be wrong with it: the first of level admin, or
// else the first; empty: none.
std::string control_address(const config::Node& admin);

}  // namespace process

template <> const config::Table<process::AdminDoor>& config::table_of<process::AdminDoor>();
template <>
struct config::Value<process::AdminDoors> {
  static void read(Context& context, const Node& node, process::AdminDoors& out);
  static Node write(const process::AdminDoors& value);
  static std::string type() { return "address, table, or list of either"; }
  static bool accepts(const Node& node) { return node.is(Kind::string) || node.is(Kind::table) || node.is(Kind::array); }
};
// The reference shows what a table may contain.
template <>
struct config::detail::SectionIn<process::AdminDoors> : config::detail::SectionIn<process::AdminDoor> {};
