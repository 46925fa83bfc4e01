// SPDX-License-Identifier: BSD-2-Clause
// Plain sockets, TCP and Unix, accepted or connecting.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/check.h"
#include "net/event_loop.h"
#include "net/reasons.h"
#include "net/transport.h"

namespace net {
namespace {

constexpr std::size_t small_read = block_size;
constexpr std::size_t large_read = 64 * 1024 - sizeof(Block);
constexpr std::size_t vectors_a_send = 64;
constexpr std::size_t file_step = 256 * 1024;
constexpr std::size_t write_budget = 512 * 1024;  // then others have their turn

class PlainTransport final : public Transport {
 public:
  PlainTransport(EventLoop& loop, int fd, const Address& remote, const Address& local, bool connecting)
      : loop_(loop), fd_(fd), connecting_(connecting) {
    peer_.remote = remote;
    peer_.local = local;
    ready_.writable = !connecting;
  }
  ~PlainTransport() override {
    ready_.unregister();
    ::close(fd_);
  }

  void attach(Task& task) override {
    if (registered_) return ready_.set_task(task);
    registered_ = true;
    ready_.register_fd(loop_, fd_, task, !peer_.remote.is_unix() && !peer_.local.is_unix());
  }
  IoResult establish() override;
  IoResult read(Buffer& into, std::size_t max) override;
  IoResult write(Buffer& from) override { return write(from, 0); }
  IoResult write_last(Buffer& from) override { return write(from, MSG_MORE); }
  bool readable() const override { return ready_.readable && !eof_; }
  bool peer_closed() const override { return eof_ || ready_.peer_closed(); }
  bool look_again() override { return !eof_ && ready_.look_again(); }
  void shutdown_write() override { ::shutdown(fd_, SHUT_WR); }
  void reset_on_close() override {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  const PeerInfo& peer() const override { return peer_; }
  std::string failure() const override { return failure_; }
  int fd() const override { return fd_; }

 private:
  IoResult write(Buffer& from, int last_flags);
  IoResult send_memory(const Buffer& from, int last_flags);
  IoResult send_file(const Buffer::FileFront& file);

  EventLoop& loop_;
  int fd_;
  mutable Readiness ready_;
  PeerInfo peer_;
  std::size_t read_size_ = small_read;
  bool registered_ = false;
  bool connecting_;
  bool eof_ = false;
  const char* failure_ = "";
};

IoResult PlainTransport::establish() {
  if (ready_.lost) return {IoState::failed, 0, ENOMEM};
  if (!connecting_) return {IoState::done, 0, 0};
  if (!ready_.writable) return {IoState::blocked, 0, 0};
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return {IoState::failed, 0, error};
  connecting_ = false;
  return {IoState::done, 0, 0};
}

IoResult PlainTransport::read(Buffer& into, std::size_t max) {
  if (eof_) return {IoState::eof, 0, 0};
  if (ready_.lost) return {IoState::failed, 0, ENOMEM};
  if (!ready_.readable || max == 0) return {IoState::blocked, 0, 0};
  const std::size_t wanted = std::min(max, read_size_);
  // Who may hold only little gets a block of that size: a large one would be held for a few bytes.
  const std::size_t size = wanted >= large_read ? large_read : std::min(wanted, small_read);
  std::span<char> room = into.reserve_to_receive(std::min(size, read_size_ / 4), size);
  if (room.empty()) return {IoState::failed, 0, ENOMEM};
  room = room.first(std::min(room.size(), max));
  ssize_t n = 0;
  do n = ::recv(fd_, room.data(), room.size(), 0);
  while (n < 0 && errno == EINTR);
  const int error = errno;
  into.commit(n > 0 ? static_cast<std::size_t>(n) : 0);
  if (n == 0) {
    eof_ = true;
    return {IoState::eof, 0, 0};
  }
  if (n < 0) {
    if (error != EAGAIN) return {IoState::failed, 0, error};
    ready_.note_nothing();
    return {IoState::blocked, 0, 0};
  }
  const auto got = static_cast<std::size_t>(n);
  ready_.note_bytes(got < room.size());
  if (got >= small_read)
    read_size_ = large_read;
  else if (got < small_read / 2)
    read_size_ = small_read;
  return {IoState::done, got, 0};
}

// `last_flags` go with the last bytes.
IoResult PlainTransport::send_memory(const Buffer& from, int last_flags) {
  iovec vectors[vectors_a_send];
  msghdr message{};
  message.msg_iov = vectors;
  message.msg_iovlen = from.iovecs(vectors);
  std::size_t total = 0;
  for (std::size_t i = 0; i < message.msg_iovlen; ++i) total += vectors[i].iov_len;
  const int flags = MSG_NOSIGNAL | (total < from.size() ? MSG_MORE : last_flags);
  ssize_t n = 0;
  // One piece alone is cheaper to hand over.
  do n = message.msg_iovlen == 1 ? ::send(fd_, vectors[0].iov_base, vectors[0].iov_len, flags) : ::sendmsg(fd_, &message, flags);
  while (n < 0 && errno == EINTR);
  if (n < 0) {
    if (errno != EAGAIN) return {IoState::failed, 0, errno};
    ready_.await_room();
    return {IoState::blocked, 0, 0};
  }
  ready_.note_sent();
  // A short send means that the kernel's buffer is full: the edge will come (epoll(7)).
  if (static_cast<std::size_t>(n) < total) ready_.await_room();
  return {IoState::done, static_cast<std::size_t>(n), 0};
}

IoResult PlainTransport::send_file(const Buffer::FileFront& file) {
  auto offset = static_cast<off_t>(file.offset);
  ssize_t n = 0;
  do n = ::sendfile(fd_, file.fd, &offset, std::min<std::uint64_t>(file.length, file_step));
  while (n < 0 && errno == EINTR);
  if (n == 0) {
    failure_ = "the file became shorter while it was sent";
    return {IoState::failed, 0, 0};
  }
  if (n < 0) {
    if (errno != EAGAIN) return {IoState::failed, 0, errno};
    ready_.await_room();
    return {IoState::blocked, 0, 0};
  }
  return {IoState::done, static_cast<std::size_t>(n), 0};
}

IoResult PlainTransport::write(Buffer& from, int last_flags) {
  std::size_t total = 0;
  if (ready_.lost) return {IoState::failed, 0, ENOMEM};
  while (!from.empty()) {
    if (!ready_.writable) return {IoState::blocked, total, 0};
    if (total >= write_budget) break;
    Buffer::FileFront file;
    const IoResult sent = from.front_file(file) ? send_file(file) : send_memory(from, last_flags);
    if (sent.state != IoState::done) return {sent.state, total, sent.error};
    from.consume(sent.bytes);
    total += sent.bytes;
  }
  return {IoState::done, total, 0};
}

}  // namespace

std::unique_ptr<Transport> make_plain_transport(EventLoop& loop, int fd, const Address& remote, const Address& local) {
  return std::make_unique<PlainTransport>(loop, fd, remote, local, false);
}

base::Result<std::unique_ptr<Transport>> connect_plain(EventLoop& loop, const Address& to) {
  const int fd = ::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::unexpected(connect_error(errno));
  if (!to.is_unix()) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  int outcome = 0;
  do outcome = ::connect(fd, to.get(), to.length());
  while (outcome < 0 && errno == EINTR);
  if (outcome < 0 && errno != EINPROGRESS) {
    const int error = errno;
    ::close(fd);
    return std::unexpected(connect_error(error));
  }
  return std::make_unique<PlainTransport>(loop, fd, to, Address(), outcome < 0);
}

base::Error connect_error(int error) {
  const base::ReasonRow* row = &reasons::connect_failed;
  switch (error) {
    case ECONNREFUSED:
    case ENOENT:  // a Unix socket nobody made
      row = &reasons::connect_refused;
      break;
    case ETIMEDOUT: row = &reasons::connect_timeout; break;
    case ENETUNREACH:
    case EHOSTUNREACH: row = &reasons::connect_unroutable; break;
    default:
      if (is_own_shortage(error)) row = &reasons::connect_resources;
  }
  return {base::Reason{row, error}, base::Side::upstream, true, error};
}

bool is_own_shortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS || error == EADDRNOTAVAIL;
}

}  // namespace net
