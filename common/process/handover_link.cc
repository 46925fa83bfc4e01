// SPDX-License-Identifier: BSD-2-Clause
#include "process/handover_link.h"

#include <fcntl.h>
#include <poll.h>

#include <cerrno>

namespace process {

wire::Writer handed(Handed what) {
  wire::Writer out;
  out.number(static_cast<std::int64_t>(what));
  return out;
}

HandoverLink::HandoverLink(net::Descriptor fd) : fd_(std::move(fd)), ended_(fd_.get() < 0) {
  if (!ended_) ::fcntl(fd_.get(), F_SETFL, ::fcntl(fd_.get(), F_GETFL) | O_NONBLOCK);
}

void HandoverLink::close() {
  fd_.reset();
  queue_.clear();
  ended_ = true;
}

void HandoverLink::send(const wire::Writer& message, std::span<const int> descriptors) {
  if (ended_) return;
  Waiting one{message.bytes(), {}};
  for (const int fd : descriptors) one.descriptors.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  queue_.push_back(std::move(one));
  flush();
}

void HandoverLink::flush() {
  while (!ended_ && !queue_.empty()) {
    std::vector<int> descriptors;
    for (const net::Descriptor& fd : queue_.front().descriptors) descriptors.push_back(fd.get());
    if (!wire::send(fd_.get(), queue_.front().bytes, descriptors)) {
      if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS) ended_ = true;
      return;
    }
    queue_.pop_front();
  }
}

std::optional<wire::Message> HandoverLink::next() {
  if (ended_) return std::nullopt;
  errno = 0;
  auto out = wire::receive(fd_.get(), true);
  if (!out && errno != EAGAIN && errno != EWOULDBLOCK) ended_ = true;
  return out;
}

std::optional<wire::Message> HandoverLink::await(base::Duration limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    flush();
    if (auto out = next()) return out;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (ended_ || left.count() <= 0) return std::nullopt;
    pollfd one{fd_.get(), static_cast<short>(POLLIN | (waits() ? POLLOUT : 0)), 0};
    ::poll(&one, 1, static_cast<int>(left.count()));
  }
}

}  // namespace process
