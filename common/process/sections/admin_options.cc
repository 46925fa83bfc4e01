// SPDX-License-Identifier: BSD-2-Clause
#include "process/sections/admin_options.h"

#include <grp.h>

#include <algorithm>

namespace process {
namespace {

// "0660": digits of base eight, three of them after an optional nought.
std::string wrong_mode(const std::string& mode) {
  const std::string digits = mode.starts_with('0') && mode.size() == 4 ? mode.substr(1) : mode;
  const bool well = digits.size() == 3 && std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '7'; });
  return well ? "" : "\"" + mode + "\" are no rights of a file; write them as in \"0660\"";
}

std::string wrong_group(const std::string& name) {
  if (name.empty() || ::getgrnam(name.c_str())) return {};
  return "there is no group \"" + name + "\" on this system";
}

std::string address_of(const config::Node& node) {
  if (node.is(config::Kind::string)) return node.text;
  const config::Node* address = node.find("address");
  return address && address->is(config::Kind::string) ? address->text : std::string();
}

bool all_may(const config::Node& node) {
  const config::Node* level = node.find("level");
  return !level || (level->is(config::Kind::string) && level->text == "admin");
}

bool plain(const AdminDoor& door) {
  const AdminDoor defaults{};
  return door.level == defaults.level && door.mode == defaults.mode && door.group.empty();
}

}  // namespace

unsigned AdminDoor::mode_bits() const {
  unsigned out = 0;
  for (const char c : mode) out = out * 8 + static_cast<unsigned>(c - '0');
  return out;
}

std::string control_address(const config::Node& admin) {
  if (!admin.is(config::Kind::array)) return address_of(admin);
  std::string first;
  for (const config::Node& door : admin.children) {
    if (all_may(door) && !address_of(door).empty()) return address_of(door);
    if (first.empty()) first = address_of(door);
  }
  return first;
}

}  // namespace process

namespace config {

template <>
const Table<process::AdminDoor>& table_of<process::AdminDoor>() {
  using O = process::AdminDoor;
  static const Table<O> table("An address for commands, with its rights.", {
    option("address", &O::address, "Where it listens.").required().example("\"unix:/run/webfront/admin.sock\""),
    option("level", &O::level, "What may be commanded there: `user` looks, `operator` also changes what serves (reload, reopen, servers), `admin` may do all, also end "
                               "the process. Nobody is asked who he is at a TCP address: there it must be `user`."),
    option("mode", &O::mode, "Rights of the Unix socket's file: who may write to it may command.").check(process::wrong_mode),
    option("group", &O::group, "Group of the Unix socket's file. Without it, that of the process.").check(process::wrong_group),
  });
  return table;
}

namespace {

void read_door(Context& context, const Node& node, process::AdminDoors& out) {
  process::AdminDoor door;
  const std::size_t before = context.count();
  if (node.is(Kind::string)) Value<process::Address>::read(context, node, door.address);
  else Value<process::AdminDoor>::read(context, node, door);
  if (context.count() != before) return;
  if (!door.address.address.is_unix() && door.level != process::AdminLevel::user)
    context.problem(node.where, "whoever reaches \"" + door.address.text + "\" could command the process, for nobody is asked who he is there",
                    "write { address = \"" + door.address.text + "\", level = \"user\" }, or a Unix socket as in \"unix:/run/admin.sock\"");
  for (const process::AdminDoor& other : out.doors)
    if (other.address.text == door.address.text) context.problem(node.where, "\"" + door.address.text + "\" is there twice");
  out.doors.push_back(std::move(door));
}

}  // namespace

void Value<process::AdminDoors>::read(Context& context, const Node& node, process::AdminDoors& out) {
  out.doors.clear();
  if (!accepts(node)) return wrong_kind(context, node, type(), "as in \"unix:/run/webfront/admin.sock\"");
  if (!node.is(Kind::array)) return read_door(context, node, out);
  for (const Node& item : node.children) {
    if (item.is(Kind::string) || item.is(Kind::table)) read_door(context, item, out);
    else wrong_kind(context, item, "address or table");
  }
}

Node Value<process::AdminDoors>::write(const process::AdminDoors& value) {
  const auto& doors = value.doors;
  const bool all_plain = std::all_of(doors.begin(), doors.end(), process::plain);
  const auto one = [&](const process::AdminDoor& door) {
    return all_plain ? Value<process::Address>::write(door.address) : Value<process::AdminDoor>::write(door);
  };
  if (doors.size() == 1) return one(doors.front());
  Node out(Kind::array);
  for (const process::AdminDoor& door : doors) out.add({}, one(door));
  return out;
}

}  // namespace config
