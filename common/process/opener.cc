// SPDX-License-Identifier: BSD-2-Clause
#include "process/opener.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "net/reasons.h"
#include "process/privileges.h"

namespace process {

std::expected<std::string, int> Access::read_file(const std::string& path) {
  const auto file = open_file(path);
  if (!file) return std::unexpected(file.error());
  return config::read_all(file->get());
}

config::Files Access::files() {
  return {[this](const std::string& path) { return read_file(path); }, [this](const std::string& pattern) { return expand(pattern); }};
}

Access& direct_access() {
  static DirectAccess plain;
  return plain;
}

base::Result<std::unique_ptr<net::Listener>> DirectAccess::bind(const net::Address& address, std::size_t workers, const net::ListenOptions& options,
                                                                std::string_view name) {
  auto out = net::Listener::open(address, workers, options, name);
  // "Denied" alone does not say which right is missing.
  if (!out && out.error().reason.is(net::reasons::listen_denied) && !address.is_unix() && port_needs_right(address.port()))
    out.error().reason.row = &reasons::bind_needs_right;
  return out;
}

std::expected<net::Descriptor, int> DirectAccess::open_file(const std::string& path) {
  net::Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (fd.get() < 0) return std::unexpected(errno);
  return fd;
}

std::expected<FileState, int> DirectAccess::stat(const std::string& path) {
  struct ::stat info{};
  if (::stat(path.c_str(), &info) != 0) return std::unexpected(errno);
  const auto nanoseconds = [](const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; };
  return FileState{info.st_dev, info.st_ino, static_cast<std::uint64_t>(info.st_size), nanoseconds(info.st_mtim), nanoseconds(info.st_ctim)};
}

std::expected<net::Descriptor, int> DirectAccess::open_log(const std::string& path) {
  net::Descriptor fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640));
  if (fd.get() < 0) return std::unexpected(errno);
  return fd;
}

std::vector<std::string> DirectAccess::expand(const std::string& pattern) { return config::own_files().expand(pattern); }

}  // namespace process
