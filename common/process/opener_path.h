// SPDX-License-Identifier: BSD-2-Clause
// The way to a file, walked so that an account cannot have moved it: somebody with root's rights who opens a path for an account must
// not follow what that account may rename, replace or link. Pure but for looking at the file system. Opener's process.
#pragma once

#include <sys/stat.h>

#include <expected>
#include <string>

#include "net/descriptor.h"
#include "process/privileges.h"

namespace process {

struct SafeWay {
  net::Descriptor directory;  // O_PATH
  std::string leaf;           // neither empty nor a symbolic link when it was looked at; perhaps not there
  bool shared = false;        // a sticky directory where the account can put things: what is there must be somebody else's
};
inline constexpr int unsafe_way = -1;  // instead of an errno

// Follows `path`, symbolic links included, as long as `account` can change neither a directory nor a link on the way. Error: the
// errno, or `unsafe_way`.
std::expected<SafeWay, int> safe_way(const std::string& path, const User& account);
// True if the account may create, rename or remove entries.
bool can_change(const User& account, int directory, const struct stat& info);

}  // namespace process
