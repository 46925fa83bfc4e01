// SPDX-License-Identifier: BSD-2-Clause
// Messages between a daemon and its opener: one datagram each way of a SOCK_SEQPACKET pair, numbers and strings in host order,
// descriptors as ancillary data. The opener trusts nothing that it reads. Values.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/descriptor.h"

namespace process::wire {

enum class Request : std::uint8_t {
  bind,     // address, workers, backlog, mode of a Unix socket, ipv6_only → descriptors
  open,     // path → a descriptor for reading
  stat,     // path → FileState
  log,      // path → a descriptor for appending
  expand,   // pattern → names
  channel,  // → one end of another such pair
};
enum class Answer : std::uint8_t {
  done,
  failed,      // the errno
  not_socket,  // bind: a file that is no socket is in the way
  refused,     // the text says why
  unsafe,      // the account can change the way to the file
};

inline constexpr std::size_t longest = 60 * 1024;      // bytes of a message
inline constexpr std::size_t most_descriptors = 200;   // in a message; the kernel takes 253

class Writer {
 public:
  Writer& number(std::int64_t value);
  Writer& text(std::string_view value);
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  std::int64_t number();
  std::string text();
  bool well() const { return well_; }              // so far
  bool complete() const { return well_ && left_.empty(); }

 private:
  std::string_view left_;
  bool well_ = true;
};

struct Message {
  std::string bytes;
  std::vector<net::Descriptor> descriptors;
};
bool send(int fd, std::string_view bytes, std::span<const int> descriptors = {});
// nullopt: the other side is gone, or it sent what cannot be. Descriptors are taken only if `with_descriptors`; they are close-on-exec.
std::optional<Message> receive(int fd, bool with_descriptors);

}  // namespace process::wire
