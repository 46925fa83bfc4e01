// SPDX-License-Identifier: BSD-2-Clause
#include "config/files.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace config {
namespace {

std::expected<std::string, int> read_path(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(errno);
  auto text = read_all(fd);
  ::close(fd);
  return text;
}

std::vector<std::string> expand_pattern(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> out;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0)
    for (std::size_t i = 0; i < found.gl_pathc; ++i) out.emplace_back(found.gl_pathv[i]);
  ::globfree(&found);
  return out;
}

}  // namespace

Files own_files() { return {read_path, expand_pattern}; }

std::expected<std::string, int> read_all(int fd) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return std::unexpected(errno);
  if (S_ISDIR(info.st_mode)) return std::unexpected(EISDIR);
  std::string out;
  char part[16 * 1024];
  for (;;) {
    const ssize_t n = ::read(fd, part, sizeof part);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::unexpected(errno);
    if (n == 0) return out;
    if (out.size() + static_cast<std::size_t>(n) > largest_file) return std::unexpected(EFBIG);
    out.append(part, static_cast<std::size_t>(n));
  }
}

}  // namespace config
