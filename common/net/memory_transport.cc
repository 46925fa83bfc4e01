// SPDX-License-Identifier: BSD-2-Clause
// A connection that needs no socket: for unit tests and fuzzers.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "net/event_loop.h"
#include "net/transport.h"

namespace net {
namespace {

class MemoryEnd;

// One direction.
struct Pipe {
  Buffer bytes;
  bool fin = false;    // the writer finished
  bool reset = false;  // the writer reset the connection
  bool gone = false;   // the reader is gone: writing gives EPIPE
  bool full = false;   // the writer waits for room
};

struct Link {
  Pipe pipes[2];
  MemoryEnd* ends[2] = {nullptr, nullptr};
  std::size_t capacity = 0;
};

class MemoryEnd final : public Transport {
 public:
  MemoryEnd(std::shared_ptr<Link> link, int side) : link_(std::move(link)), side_(side) { link_->ends[side_] = this; }
  ~MemoryEnd() override {
    link_->ends[side_] = nullptr;
    out().fin = true;
    out().reset = reset_;
    in().gone = true;
    in().bytes.clear();
    ring_other();
  }

  void attach(Task& task) override {
    task_ = &task;
    task.ring();  // as the first event of a socket does
  }
  IoResult establish() override { return {IoState::done, 0, 0}; }
  IoResult read(Buffer& into, std::size_t max) override;
  IoResult write(Buffer& from) override;
  bool readable() const override { return !in().bytes.empty() || in().reset || (in().fin && !eof_); }
  bool peer_closed() const override { return in().fin; }
  void shutdown_write() override {
    out().fin = true;
    ring_other();
  }
  void reset_on_close() override { reset_ = true; }
  const PeerInfo& peer() const override { return peer_; }
  std::string failure() const override { return failure_; }

 private:
  Pipe& in() const { return link_->pipes[1 - side_]; }
  Pipe& out() const { return link_->pipes[side_]; }
  void ring_other() {
    MemoryEnd* other = link_->ends[1 - side_];
    if (other && other->task_) other->task_->ring();
  }
  bool copy_file(const Buffer::FileFront& file, Buffer& from, std::size_t room);

  std::shared_ptr<Link> link_;
  int side_;
  Task* task_ = nullptr;
  PeerInfo peer_;
  bool reset_ = false;
  bool eof_ = false;
  const char* failure_ = "";
};

IoResult MemoryEnd::read(Buffer& into, std::size_t max) {
  if (in().reset) return {IoState::failed, 0, ECONNRESET};
  if (in().bytes.empty()) {
    if (!in().fin) return {IoState::blocked, 0, 0};
    eof_ = true;
    return {IoState::eof, 0, 0};
  }
  if (max == 0) return {IoState::blocked, 0, 0};
  const std::size_t n = std::min({max, in().bytes.size(), std::size_t{64 * 1024}});
  into.take(in().bytes, n);
  if (in().full) {
    in().full = false;
    ring_other();
  }
  return {IoState::done, n, 0};
}

bool MemoryEnd::copy_file(const Buffer::FileFront& file, Buffer& from, std::size_t room) {
  const std::size_t wanted = std::min<std::uint64_t>(file.length, std::min<std::size_t>(room, 16 * 1024));
  std::span<char> space = out().bytes.reserve(wanted);
  const ssize_t n = ::pread(file.fd, space.data(), wanted, static_cast<off_t>(file.offset));
  out().bytes.commit(n > 0 ? static_cast<std::size_t>(n) : 0);
  if (n <= 0) return false;
  from.consume(static_cast<std::size_t>(n));
  return true;
}

IoResult MemoryEnd::write(Buffer& from) {
  if (out().gone || out().fin) return {IoState::failed, 0, in().reset ? ECONNRESET : EPIPE};
  const std::size_t before = from.size();
  while (!from.empty() && out().bytes.size() < link_->capacity) {
    const std::size_t room = link_->capacity - out().bytes.size();
    Buffer::FileFront file;
    if (!from.front_file(file)) {
      out().bytes.take(from, std::min(room, from.front().size()));
    } else if (!copy_file(file, from, room)) {
      failure_ = "the file became shorter while it was sent";
      return {IoState::failed, before - from.size(), 0};
    }
  }
  const std::size_t written = before - from.size();
  if (written > 0) ring_other();
  out().full = !from.empty();
  return {from.empty() ? IoState::done : IoState::blocked, written, 0};
}

}  // namespace

MemoryPair make_memory_pair(EventLoop&, std::size_t capacity) {
  auto link = std::make_shared<Link>();
  link->capacity = capacity;
  MemoryPair pair;
  pair.a = std::make_unique<MemoryEnd>(link, 0);
  pair.b = std::make_unique<MemoryEnd>(link, 1);
  return pair;
}

}  // namespace net
