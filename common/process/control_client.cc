// SPDX-License-Identifier: BSD-2-Clause
#include "process/control_client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/bytes.h"

namespace process {
namespace {

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::string receive_all(int fd) {
  std::string out;
  char part[16 * 1024];
  for (;;) {
    const ssize_t n = ::recv(fd, part, sizeof part, 0);
    if (n <= 0) return out;
    out.append(part, static_cast<std::size_t>(n));
  }
}

}  // namespace

std::optional<ControlAnswer> ask(const net::Address& admin, const std::string& command, int seconds) {
  const int fd = ::socket(admin.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::nullopt;
  const timeval limit{seconds, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (::connect(fd, admin.get(), admin.length()) != 0) {
    ::close(fd);
    return std::nullopt;
  }
  const std::string request = "POST /text HTTP/1.1\r\nHost: admin\r\nConnection: close\r\nContent-Length: " + std::to_string(command.size()) + "\r\n\r\n" + command;
  std::string answer;
  if (send_all(fd, request)) answer = receive_all(fd);
  ::close(fd);
  ControlAnswer out;
  const auto end = answer.find("\r\n\r\n");
  if (answer.starts_with("HTTP/1.1 ") && end != std::string::npos) {
    out.status = static_cast<int>(base::parse_decimal(std::string_view(answer).substr(9, 3)).value_or(0));
    out.text = answer.substr(end + 4);
  }
  return out;
}

}  // namespace process
