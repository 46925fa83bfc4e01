// SPDX-License-Identifier: BSD-2-Clause
// Who we are and what we may: accounts, capabilities, dropping root's rights for good. Main thread, before others exist.
#pragma once

#include <sys/types.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

struct stat;

namespace process {

struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // gid included
};
// nullopt: no such user.
std::optional<User> find_user(const std::string& name);
// Becomes the user with its groups, without any capability and with no way to gain one; an empty string, or what failed. Does nothing
// when not root.
std::string drop_privileges(const User& user);
bool is_root();

// Capabilities by their numbers in linux/capability.h.
bool has_capability(int capability);  // effective now
// All others are gone, also for programs that are executed. False: errno says why.
bool keep_capabilities(std::span<const int> kept);
// The kernel would refuse us a TCP port this low.
bool port_needs_right(unsigned port);

}  // namespace process
