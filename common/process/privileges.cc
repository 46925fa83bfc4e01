// SPDX-License-Identifier: BSD-2-Clause
#include "process/privileges.h"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace process {

bool is_root() { return ::geteuid() == 0; }

std::optional<User> find_user(const std::string& name) {
  std::vector<char> buffer(16 * 1024);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || !found) return std::nullopt;
  return User{name, entry.pw_uid, entry.pw_gid};
}

std::string drop_privileges(const User& user) {
  if (!is_root()) return {};
  const auto failed = [&](const char* what) { return std::string(what) + " for user " + user.name + ": " + std::strerror(errno); };
  if (::initgroups(user.name.c_str(), user.gid) != 0) return failed("initgroups");
  if (::setgid(user.gid) != 0) return failed("setgid");
  if (::setuid(user.uid) != 0) return failed("setuid");
  if (user.uid != 0 && ::setuid(0) == 0) return "the rights of root could not be dropped for user " + user.name;
  // The change of user made the process undumpable; a core file is wanted when a check fails.
  ::prctl(PR_SET_DUMPABLE, 1);
  return {};
}

}  // namespace process
