// SPDX-License-Identifier: BSD-2-Clause
#include "process/privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace process {
namespace {

struct Capabilities {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
};

// Where the kernel lets unprivileged ports begin (ip(7)).
unsigned first_free_port() {
  unsigned port = 1024;
  if (std::FILE* file = std::fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re")) {
    if (std::fscanf(file, "%u", &port) != 1) port = 1024;
    std::fclose(file);
  }
  return port;
}

}  // namespace

bool is_root() { return ::geteuid() == 0; }

std::optional<User> find_user(const std::string& name) {
  std::vector<char> buffer(16 * 1024);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || !found) return std::nullopt;
  User out{name, entry.pw_uid, entry.pw_gid, {}};
  int count = 64;
  out.groups.resize(static_cast<std::size_t>(count));
  if (::getgrouplist(name.c_str(), entry.pw_gid, out.groups.data(), &count) < 0) {
    out.groups.resize(static_cast<std::size_t>(count));  // the call said how many
    if (::getgrouplist(name.c_str(), entry.pw_gid, out.groups.data(), &count) < 0) return std::nullopt;
  }
  out.groups.resize(static_cast<std::size_t>(count));
  return out;
}

bool has_capability(int capability) {
  Capabilities now;
  if (::syscall(SYS_capget, &now.header, now.data) != 0) return false;
  const auto number = static_cast<unsigned>(capability);
  return (now.data[number / 32].effective >> (number % 32) & 1) != 0;
}

bool keep_capabilities(std::span<const int> kept) {
  // Fails in containers that keep CAP_SETPCAP; "no new privileges" says the same.
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  Capabilities now, next;
  if (::syscall(SYS_capget, &now.header, now.data) != 0) return false;
  for (const int capability : kept) {
    const auto number = static_cast<unsigned>(capability);
    next.data[number / 32].permitted |= now.data[number / 32].permitted & (1U << (number % 32));
    next.data[number / 32].effective = next.data[number / 32].permitted;
  }
  return ::syscall(SYS_capset, &next.header, next.data) == 0;
}

bool port_needs_right(unsigned port) { return port != 0 && port < first_free_port() && !has_capability(CAP_NET_BIND_SERVICE); }

std::string drop_privileges(const User& user) {
  if (!is_root()) return {};
  const auto failed = [&](const char* what) { return std::string(what) + " for user " + user.name + ": " + std::strerror(errno); };
  if (::setgroups(user.groups.size(), user.groups.data()) != 0) return failed("setgroups");
  if (::setgid(user.gid) != 0) return failed("setgid");
  if (::setuid(user.uid) != 0) return failed("setuid");
  if (user.uid == 0) return {};
  if (::setuid(0) == 0) return "the rights of root could not be dropped for user " + user.name;
  // What setuid() left: the inheritable set, and what a program that we execute could gain.
  if (!keep_capabilities({})) return failed("capset");
  // The change of user made the process undumpable; a core file is wanted when a check fails.
  ::prctl(PR_SET_DUMPABLE, 1);
  return {};
}

}  // namespace process
