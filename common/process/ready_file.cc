// SPDX-License-Identifier: BSD-2-Clause
#include "process/ready_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

namespace process {

bool write_ready_file(const std::string& path, const ReadyLines& lines) {
  std::string text;
  for (const auto& [listener, address] : lines) text += listener + " " + address + "\n";
  const std::string beside = path + "." + std::to_string(::getpid());
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return false;
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const bool closed = ::close(fd) == 0;
  if (written && closed && ::rename(beside.c_str(), path.c_str()) == 0) return true;
  ::unlink(beside.c_str());
  return false;
}

}  // namespace process
