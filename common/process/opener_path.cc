// SPDX-License-Identifier: BSD-2-Clause
#include "process/opener_path.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>

#include "base/bytes.h"

namespace process {
namespace {

constexpr int most_links = 40;  // as the kernel's

using Parts = std::deque<std::string>;

void put_in_front(Parts& parts, std::string_view path) {
  Parts out;
  base::split(path, '/', [&](std::string_view part) { if (!part.empty() && part != ".") out.emplace_back(part); });
  parts.insert(parts.begin(), out.begin(), out.end());
}

std::expected<std::string, int> target_of(int link) {
  char text[PATH_MAX];
  const ssize_t n = ::readlinkat(link, "", text, sizeof text);
  if (n < 0) return std::unexpected(errno);
  return std::string(text, static_cast<std::size_t>(n));
}

class Walk {
 public:
  explicit Walk(const User& account) : account_(account) {}

  std::expected<SafeWay, int> go(const std::string& path) {
    Parts parts;
    put_in_front(parts, path);
    if (!path.starts_with('/')) {
      char here[PATH_MAX];
      if (!::getcwd(here, sizeof here)) return std::unexpected(errno);
      put_in_front(parts, here);
    }
    if (int error = from_root()) return std::unexpected(error);
    while (!parts.empty()) {
      const std::string part = parts.front();
      parts.pop_front();
      net::Descriptor entry(::openat(directory_.get(), part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
      struct stat info{};
      if (entry.get() < 0) {
        if (errno == ENOENT && parts.empty()) return SafeWay{std::move(directory_), part, shared_};
        return std::unexpected(errno);
      }
      if (::fstat(entry.get(), &info) != 0) return std::unexpected(errno);
      if (shared_ && info.st_uid == account_.uid) return std::unexpected(unsafe_way);
      if (S_ISLNK(info.st_mode)) {
        const auto target = target_of(entry.get());
        if (!target) return std::unexpected(target.error());
        if (++links_ > most_links) return std::unexpected(ELOOP);
        put_in_front(parts, *target);
        if (target->starts_with('/'))
          if (int error = from_root()) return std::unexpected(error);
      } else if (S_ISDIR(info.st_mode)) {
        if (int error = enter(std::move(entry), info)) return std::unexpected(error);
      } else if (!parts.empty()) {
        return std::unexpected(ENOTDIR);
      } else {
        return SafeWay{std::move(directory_), part, shared_};
      }
    }
    return std::unexpected(EISDIR);
  }

 private:
  int from_root() {
    net::Descriptor root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    struct stat info{};
    if (root.get() < 0 || ::fstat(root.get(), &info) != 0) return errno;
    return enter(std::move(root), info);
  }
  int enter(net::Descriptor directory, const struct stat& info) {
    shared_ = false;
    if (can_change(account_, directory.get(), info)) {
      if (info.st_uid == account_.uid || !(info.st_mode & S_ISVTX)) return unsafe_way;
      shared_ = true;
    }
    directory_ = std::move(directory);
    return 0;
  }

  const User& account_;
  net::Descriptor directory_;
  bool shared_ = false;
  int links_ = 0;
};

}  // namespace

bool can_change(const User& account, int directory, const struct stat& info) {
  if (info.st_uid == account.uid || (info.st_mode & S_IWOTH)) return true;
  if (!(info.st_mode & S_IWGRP)) return false;
  if (std::find(account.groups.begin(), account.groups.end(), info.st_gid) != account.groups.end()) return true;
  // With an access control list the group's bits are its mask: anybody may be in it. (By /proc: attributes of O_PATH are not told.)
  const std::string name = "/proc/self/fd/" + std::to_string(directory);
  return ::getxattr(name.c_str(), "system.posix_acl_access", nullptr, 0) > 0;
}

std::expected<SafeWay, int> safe_way(const std::string& path, const User& account) {
  if (path.empty() || path.size() >= PATH_MAX || path.find('\0') != std::string::npos) return std::unexpected(EINVAL);
  return Walk(account).go(path);
}

}  // namespace process
