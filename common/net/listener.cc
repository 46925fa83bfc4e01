// SPDX-License-Identifier: BSD-2-Clause
#include "net/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/check.h"
#include "net/reasons.h"

namespace net {
namespace {

constexpr int last_batch = 4096;  // connections taken from the queue of a listener that stops

base::Error listen_error(int error, std::string_view name) {
  const base::ReasonRow* row = &reasons::listen_failed;
  if (error == EADDRINUSE) row = &reasons::listen_in_use;
  if (error == EACCES || error == EPERM) row = &reasons::listen_denied;
  return {base::Reason{row, error, 0, name}, base::Side::internal, false, error};
}

void set(int fd, int level, int option, int value) { ::setsockopt(fd, level, option, &value, sizeof value); }

Descriptor make_socket(const Address& address, const ListenOptions& options) {
  Descriptor fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0 || address.is_unix()) return fd;
  set(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (address.family() == AF_INET6) set(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, options.ipv6_only ? 1 : 0);
  return fd;
}

// Whether a connection waits. An accept() that finds none has made a socket and a file first, and costs ten times as much.
bool is_waiting(int fd) {
  pollfd p{fd, POLLIN, 0};
  return ::poll(&p, 1, 0) != 0;
}

Address bound_address(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length);
  return Address::from(reinterpret_cast<const sockaddr*>(&storage), length);
}

// A group member would join any group of this user silently, another instance's too: so ask first without SO_REUSEPORT.
int probe(const Address& address, const ListenOptions& options) {
  const Descriptor fd = make_socket(address, options);
  if (fd.get() < 0) return errno;
  if (::bind(fd.get(), address.get(), address.length()) < 0) return errno;
  return ::listen(fd.get(), 1) < 0 ? errno : 0;
}

base::Result<std::vector<int>> open_group(Address address, std::size_t workers, const ListenOptions& options, std::string_view name) {
  if (address.port() != 0)
    if (const int error = probe(address, options)) return std::unexpected(listen_error(error, name));
  std::vector<Descriptor> group;
  for (std::size_t i = 0; i < workers; ++i) {
    Descriptor fd = make_socket(address, options);
    if (fd.get() < 0) return std::unexpected(listen_error(errno, name));
    set(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
    if (::bind(fd.get(), address.get(), address.length()) < 0 || ::listen(fd.get(), options.backlog) < 0)
      return std::unexpected(listen_error(errno, name));
    if (address.port() == 0) address.set_port(bound_address(fd.get()).port());
    group.push_back(std::move(fd));
  }
  std::vector<int> out;
  for (Descriptor& fd : group) out.push_back(fd.release());
  return out;
}

// 0: the way is free; else the errno, with ENOTSOCK for a file that is no socket.
int remove_stale(const std::string& path, const Address& address) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) < 0) return errno == ENOENT ? 0 : errno;
  if (!S_ISSOCK(info.st_mode)) return ENOTSOCK;
  const Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return errno;
  if (::connect(fd.get(), address.get(), address.length()) == 0 || errno == EAGAIN || errno == EINPROGRESS) return EADDRINUSE;
  if (errno != ECONNREFUSED) return errno == ENOENT ? 0 : errno;
  return ::unlink(path.c_str()) < 0 && errno != ENOENT ? errno : 0;
}

base::Result<std::vector<int>> open_unix(const Address& address, const ListenOptions& options, std::string_view name) {
  const bool file = address.text().starts_with("unix:");
  const std::string path = address.unix_path();
  if (file) {
    const int error = remove_stale(path, address);
    if (error == ENOTSOCK) return base::fail(reasons::listen_not_socket, base::Side::internal, 0, 0, name);
    if (error) return std::unexpected(listen_error(error, name));
  }
  Descriptor fd = make_socket(address, options);
  if (fd.get() < 0 || ::bind(fd.get(), address.get(), address.length()) < 0) return std::unexpected(listen_error(errno, name));
  // Nobody can connect before listen(), so the rights are right from the first moment.
  if ((file && ::chmod(path.c_str(), options.unix_mode) < 0) || ::listen(fd.get(), options.backlog) < 0) {
    const int error = errno;
    if (file) ::unlink(path.c_str());
    return std::unexpected(listen_error(error, name));
  }
  return std::vector<int>{fd.release()};
}

}  // namespace

base::Result<std::vector<int>> open_listener(const Address& address, std::size_t workers, const ListenOptions& options, std::string_view name) {
  CHECK(workers > 0);
  return address.is_unix() ? open_unix(address, options, name) : open_group(address, workers, options, name);
}

base::Result<std::unique_ptr<Listener>> Listener::open(const Address& address, std::size_t workers, const ListenOptions& options,
                                                       std::string_view name) {
  auto descriptors = open_listener(address, workers, options, name);
  if (!descriptors) return std::unexpected(descriptors.error());
  auto out = std::make_unique<Listener>(std::move(*descriptors));
  out->remove_file_ = address.text().starts_with("unix:");
  return out;
}

Listener::Listener(std::vector<int> descriptors) {
  CHECK(!descriptors.empty());
  address_ = bound_address(descriptors.front());
  for (int fd : descriptors) descriptors_.emplace_back(fd);
}

Listener::~Listener() {
  if (remove_file_) ::unlink(address_.unix_path().c_str());
}

Accepter::Accepter(EventLoop& loop, TaskOwner& owner, int fd, AcceptHandler& handler) : Task(loop, owner), fd_(fd), handler_(handler) {
  local_ = bound_address(fd);
  const std::string ip = local_.ip();
  local_known_ = local_.is_unix() || (ip != "0.0.0.0" && ip != "::");
  if (!local_.is_unix()) {
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, silence);
  }
  ready_.register_fd(loop, fd, *this, false);
}

Accepter::~Accepter() { ready_.unregister(); }

void Accepter::resume() {
  paused_ = false;
  ring();
}

void Accepter::stop() {
  stopping_ = true;
  ring();
}

// The kernel had no memory to watch the descriptor: like a failed accept(), tried again after a pause.
void Accepter::watch_again() {
  ready_.unregister();
  ready_.readable = ready_.register_fd(loop(), fd_, *this, false);
  if (ready_.lost) accept_exhausted(ENOMEM);
}

void Accepter::accept_exhausted(int error) {
  ++failures_;
  const bool first = !exhausted_;
  exhausted_ = true;
  set_deadline_after(retry);
  handler_.accept_failed(error, first);
}

Task::Step Accepter::run() {
  if (exhausted_ && deadline_passed()) clear_deadline();
  if (ready_.lost && !stopping_ && deadline() == base::TimePoint::max()) watch_again();
  const int limit = stopping_ ? last_batch : batch;
  for (int i = 0; i < limit; ++i) {
    if (!stopping_ && (paused_ || !ready_.readable || (exhausted_ && deadline() != base::TimePoint::max()))) return Step::wait;
    const Outcome outcome = accept_one();
    if (outcome == Outcome::none || outcome == Outcome::exhausted) return stopping_ ? Step::closed : Step::wait;
    if (!stopping_) ready_.readable = is_waiting(fd_);
  }
  return stopping_ ? Step::closed : Step::again;
}

Accepter::Outcome Accepter::accept_one() {
  sockaddr_storage storage;
  socklen_t length = sizeof storage;
  storage.ss_family = AF_UNSPEC;
  const int fd = ::accept4(fd_, reinterpret_cast<sockaddr*>(&storage), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    if (std::exchange(exhausted_, false)) handler_.accept_recovered();
    ++accepted_;
    const Address remote = Address::from(reinterpret_cast<const sockaddr*>(&storage), length);
    handler_.accepted(fd, remote, local_known_ ? local_ : bound_address(fd));
    return Outcome::taken;
  }
  switch (errno) {
    case EAGAIN: ready_.readable = false; return Outcome::none;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: accept_exhausted(errno); return Outcome::exhausted;
    case EBADF:
    case EINVAL:
    case ENOTSOCK: ready_.readable = false; return Outcome::none;  // shut down under us: nothing will come any more
    default: return Outcome::skipped;  // that one connection failed (accept(2))
  }
}

Dealer::Dealer(std::vector<Target> targets, const Mailbox* own) : targets_(std::move(targets)), own_(own) {
  CHECK(!targets_.empty());
  for (std::size_t i = 0; i < targets_.size(); ++i) in_mail_.push_back(std::make_shared<std::atomic<std::uint32_t>>(0));
}

void Dealer::accepted(int fd, const Address& remote, const Address& local) {
  std::size_t best = next_ % targets_.size();
  std::uint64_t least = UINT64_MAX;
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    const std::size_t at = (next_ + i) % targets_.size();
    const std::uint64_t load = std::uint64_t{targets_[at].load->load(std::memory_order_relaxed)} + in_mail_[at]->load(std::memory_order_relaxed);
    if (load < least) {
      least = load;
      best = at;
    }
  }
  next_ = best + 1;
  if (targets_[best].mailbox == own_) {
    targets_[best].handler->accepted(fd, remote, local);
    return;
  }
  in_mail_[best]->fetch_add(1, std::memory_order_relaxed);
  // A message that is never delivered closes the socket.
  targets_[best].mailbox->post([owned = Descriptor(fd), remote, local, handler = targets_[best].handler, count = in_mail_[best]]() mutable {
    handler->accepted(owned.release(), remote, local);
    count->fetch_sub(1, std::memory_order_relaxed);
  });
}

}  // namespace net
