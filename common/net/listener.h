// SPDX-License-Identifier: BSD-2-Clause
// A listener is its descriptors and a deal policy. TCP: one SO_REUSEPORT socket a worker, each accepts for itself. Unix sockets and
// whatever has one descriptor: one accepter, which deals sockets to the least loaded worker's mailbox.
// Opening may fail and belongs to the control thread; accepting belongs to the worker whose loop the Accepter is on.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "base/result.h"
#include "net/address.h"
#include "net/descriptor.h"
#include "net/event_loop.h"
#include "net/mailbox.h"
#include "net/task.h"

namespace net {

struct ListenOptions {
  int backlog = 8192;           // the kernel caps it at net.core.somaxconn
  unsigned unix_mode = 0666;    // rights of a Unix socket's file
  bool ipv6_only = true;
};

// Binds and listens: `workers` sockets of one SO_REUSEPORT group for TCP (port 0 draws one port for all), one for Unix. A Unix
// socket's file is removed first if nobody answers on it. Errors: listen-in-use, listen-not-socket, listen-denied, listen-failed,
// with the errno; their subject is `name`, which must outlive them (the address as configured).
base::Result<std::vector<int>> open_listener(const Address& address, std::size_t workers, const ListenOptions& options,
                                             std::string_view name = {});

// The descriptors of a listener, owned. Closing resets what still waits in their queues.
class Listener {
 public:
  static base::Result<std::unique_ptr<Listener>> open(const Address& address, std::size_t workers, const ListenOptions& options,
                                                      std::string_view name = {});
  // Adopts descriptors that listen already (systemd, upgrade).
  explicit Listener(std::vector<int> descriptors);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  const Address& address() const { return address_; }  // as bound: with the port that port 0 became
  std::size_t size() const { return descriptors_.size(); }
  int fd(std::size_t worker) const { return descriptors_[worker % descriptors_.size()].get(); }
  bool dealt() const { return descriptors_.size() == 1; }  // one accepter for all workers
  // The file of a Unix socket is removed with the listener; not after it was handed to another process.
  void keep_file() { remove_file_ = false; }
  bool removes_file() const { return remove_file_; }
  void take_file() { remove_file_ = true; }  // it was handed to this one

 private:
  Address address_;
  std::vector<Descriptor> descriptors_;
  bool remove_file_ = false;
};

class AcceptHandler {
 public:
  // A new connection; non-blocking, close-on-exec. The handler owns `fd` from now on.
  virtual void accepted(int fd, const Address& remote, const Address& local) = 0;
  // accept() failed for want of descriptors or memory (errno); it is tried again after a pause. `first`: the first time since
  // it last worked, which is when a log line is due.
  virtual void accept_failed(int error, bool first) {
    (void)error;
    (void)first;
  }
  // accept() works again, told before the connection.
  virtual void accept_recovered() {}

 protected:
  ~AcceptHandler() = default;
};

// Accepts from one listening descriptor, which it borrows, on one worker.
class Accepter final : public Task {
 public:
  static constexpr int batch = 64;                             // connections a turn
  static constexpr base::Duration retry = std::chrono::milliseconds(250);

  // Seconds for which the kernel keeps a connection back while its client says nothing. In HTTP and TLS the client speaks first, and at
  // once: one wake-up instead of two, a sixth of what a connection for one request costs.
  static constexpr int silence = 1;

  // Options of the listening socket are set here, also those that connections inherit (TCP_NODELAY).
  Accepter(EventLoop& loop, TaskOwner& owner, int fd, AcceptHandler& handler);
  ~Accepter() override;
  void pause() { paused_ = true; }  // limits of connections or memory; the kernel's queue holds the rest
  void resume();
  bool paused() const { return paused_; }
  // Takes what waits in the queue already, then closes itself (the owner reaps it).
  void stop();
  std::uint64_t accepted() const { return accepted_; }
  std::uint64_t failures() const { return failures_; }

 protected:
  Step run() override;

 private:
  enum class Outcome : std::uint8_t { taken, none, skipped, exhausted };
  Outcome accept_one();
  void accept_exhausted(int error);
  void watch_again();

  int fd_;
  AcceptHandler& handler_;
  Readiness ready_;
  Address local_;
  bool local_known_ = false;  // false: bound to a wildcard, each connection is asked
  bool paused_ = false;
  bool exhausted_ = false;
  bool stopping_ = false;
  std::uint64_t accepted_ = 0;
  std::uint64_t failures_ = 0;
};

// Deals accepted sockets to the least loaded of several workers. Lives on the accepter's loop; targets outlive it.
class Dealer final : public AcceptHandler {
 public:
  struct Target {
    Mailbox* mailbox;
    const std::atomic<std::uint32_t>* load;  // connections of that worker
    AcceptHandler* handler;                  // called on that worker's thread
  };
  // `own`: the mailbox of the accepter's loop; what falls to that worker itself is handed over directly.
  explicit Dealer(std::vector<Target> targets, const Mailbox* own = nullptr);
  void accepted(int fd, const Address& remote, const Address& local) override;
  void accept_failed(int error, bool first) override { targets_.front().handler->accept_failed(error, first); }
  void accept_recovered() override { targets_.front().handler->accept_recovered(); }

 private:
  std::vector<Target> targets_;
  const Mailbox* own_;
  // Dealt but not yet counted by the worker; shared with messages in the mail.
  std::vector<std::shared_ptr<std::atomic<std::uint32_t>>> in_mail_;
  std::size_t next_ = 0;  // among equals everyone has a turn
};

}  // namespace net
