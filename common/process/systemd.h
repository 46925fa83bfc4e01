// SPDX-License-Identifier: BSD-2-Clause
// What systemd and a service say to each other, without its library: states told to the service manager's socket (sd_notify(3)),
// listening sockets that it hands over (sd_listen_fds(3)), the interval of its watchdog. Nothing here is an error where there is no
// systemd. Main thread, which is the control thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "net/listener.h"

namespace process {

// A variable of the environment; the process's own by default, tests bring one.
using EnvironmentReader = std::function<std::optional<std::string>(const char* name)>;
std::optional<std::string> own_environment(const char* name);

// Tells the service manager how the process is. A datagram that cannot be sent is dropped: the manager's trouble is not ours.
class Notifier {
 public:
  // `socket`: $NOTIFY_SOCKET, a path or "@abstract"; empty: nobody listens.
  explicit Notifier(std::string socket);
  static Notifier from_environment(const EnvironmentReader& read = own_environment);
  Notifier(Notifier&& other) noexcept : socket_(std::move(other.socket_)), fd_(std::move(other.fd_)) {}

  bool used() const { return fd_.get() >= 0; }
  // Everything listens, or a reload is over. `status`: one line for `systemctl status`; may be empty.
  void ready(std::string_view status);
  // A reload begins; ready() ends it, well or not. Carries the monotonic time, which Type=notify-reload wants.
  void reloading(std::string_view status);
  void stopping(std::string_view status);
  void status(std::string_view status);
  void watchdog();
  // Another process goes on as the main one (an upgrade). Sent by the old one, which the manager trusts.
  void main_pid(int pid);

 private:
  void send(const std::string& text);
  std::string socket_;
  net::Descriptor fd_;
};

// Listening sockets that came with the process ($LISTEN_FDS). Taken by the listeners that they are meant for, by name first
// (FileDescriptorName= of the socket unit), then by the address that they are bound to.
class ActivatedSockets {
 public:
  ActivatedSockets() = default;
  // Those of `LISTEN_PID`, `LISTEN_FDS`, `LISTEN_FDNAMES`, if they are for process `pid`: descriptors from `first` on, from now on
  // close-on-exec. What is no listening stream socket is left over.
  static ActivatedSockets from_environment(const EnvironmentReader& read = own_environment, int pid = -1, int first = 3);
  // The process's own, and removes the variables: children must not take them for theirs. Once, early.
  static ActivatedSockets take_over();

  bool empty() const { return sockets_.empty(); }
  // The one for a listener with these names (its frontend's, its address as configured) and this address; null: none.
  std::unique_ptr<net::Listener> take(std::span<const std::string> names, const net::Address& address);
  // Closes what nobody took; says of each what it was.
  std::vector<std::string> close_rest();

 private:
  struct Socket {
    net::Descriptor fd;
    std::string name;
    net::Address bound;
    bool listens = false;
    bool both_families = false;  // an IPv6 socket that takes IPv4, too
  };
  std::vector<Socket> sockets_;
};

// The interval after which systemd takes the process for hung ($WATCHDOG_USEC, $WATCHDOG_PID); nullopt: it does not watch.
std::optional<base::Duration> watchdog_interval(const EnvironmentReader& read = own_environment, int pid = -1);

}  // namespace process
