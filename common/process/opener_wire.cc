// SPDX-License-Identifier: BSD-2-Clause
#include "process/opener_wire.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace process::wire {

Writer& Writer::number(std::int64_t value) {
  char raw[sizeof value];
  std::memcpy(raw, &value, sizeof value);
  bytes_.append(raw, sizeof raw);
  return *this;
}

Writer& Writer::text(std::string_view value) {
  number(static_cast<std::int64_t>(value.size()));
  bytes_.append(value);
  return *this;
}

std::int64_t Reader::number() {
  std::int64_t value = 0;
  if (left_.size() < sizeof value) {
    well_ = false;
    return 0;
  }
  std::memcpy(&value, left_.data(), sizeof value);
  left_.remove_prefix(sizeof value);
  return value;
}

std::string Reader::text() {
  const std::int64_t size = number();
  if (!well_ || size < 0 || static_cast<std::uint64_t>(size) > left_.size()) {
    well_ = false;
    return {};
  }
  std::string out(left_.substr(0, static_cast<std::size_t>(size)));
  left_.remove_prefix(static_cast<std::size_t>(size));
  return out;
}

bool send(int fd, std::string_view bytes, std::span<const int> descriptors) {
  CHECK(bytes.size() <= longest && descriptors.size() <= most_descriptors);
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(most_descriptors * sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    std::memset(control, 0, sizeof control);
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(head), descriptors.data(), descriptors.size_bytes());
  }
  ssize_t n = 0;
  do n = ::sendmsg(fd, &message, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  return n == static_cast<ssize_t>(bytes.size());
}

std::optional<Message> receive(int fd, bool with_descriptors) {
  Message out;
  out.bytes.resize(longest + 1);
  iovec part{out.bytes.data(), out.bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(most_descriptors * sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (with_descriptors) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
  }
  ssize_t n = 0;
  do n = ::recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  // Taken first: they are ours to close, whatever else is wrong. (Without room for them the kernel closes them.)
  for (cmsghdr* head = with_descriptors && n >= 0 ? CMSG_FIRSTHDR(&message) : nullptr; head; head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int got = -1;
      std::memcpy(&got, CMSG_DATA(head) + i * sizeof got, sizeof got);
      out.descriptors.emplace_back(got);
    }
  }
  if (n <= 0 || static_cast<std::size_t>(n) > longest || (message.msg_flags & (MSG_TRUNC | (with_descriptors ? MSG_CTRUNC : 0)))) return std::nullopt;
  out.bytes.resize(static_cast<std::size_t>(n));
  return out;
}

}  // namespace process::wire
