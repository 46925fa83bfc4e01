// SPDX-License-Identifier: BSD-2-Clause
// Dropping root's rights for good, after everything that needs them was opened. Main thread, before others exist.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace process {

struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
};
// nullopt: no such user.
std::optional<User> find_user(const std::string& name);
// Becomes the user with its groups; an empty string, or what failed. Does nothing when not root.
std::string drop_privileges(const User& user);
bool is_root();

}  // namespace process
