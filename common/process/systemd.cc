// SPDX-License-Identifier: BSD-2-Clause
#include "process/systemd.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "base/bytes.h"

namespace process {
namespace {

constexpr std::int64_t most_sockets = 1024;

std::optional<std::int64_t> number(const std::optional<std::string>& text) {
  std::int64_t value = 0;
  if (!text || text->empty()) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size() || value < 0) return std::nullopt;
  return value;
}

int pid_or_own(int pid) { return pid >= 0 ? pid : ::getpid(); }

// The assignments of a datagram are lines.
std::string one_line(std::string_view text) {
  std::string out(text);
  std::replace(out.begin(), out.end(), '\n', ' ');
  return out;
}

int option_of(int fd, int level, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  return ::getsockopt(fd, level, name, &value, &length) == 0 ? value : -1;
}

bool any_address(const net::Address& address) {
  const std::string ip = address.ip();
  return ip == "0.0.0.0" || ip == "::";
}

}  // namespace

std::optional<std::string> own_environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? std::optional<std::string>(value) : std::nullopt;
}

Notifier::Notifier(std::string socket) : socket_(std::move(socket)) {
  if (socket_.size() < 2 || socket_.size() >= sizeof(sockaddr_un::sun_path) || (socket_[0] != '/' && socket_[0] != '@')) return;
  fd_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

Notifier Notifier::from_environment(const EnvironmentReader& read) { return Notifier(read("NOTIFY_SOCKET").value_or("")); }

void Notifier::send(const std::string& text) {
  if (!used()) return;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, socket_.data(), socket_.size());
  if (to.sun_path[0] == '@') to.sun_path[0] = '\0';
  // An abstract name ends where the length says, not at a zero.
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size() + (socket_[0] == '/' ? 1 : 0));
  [[maybe_unused]] const ssize_t sent = ::sendto(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to), length);
}

void Notifier::ready(std::string_view status) { send("READY=1" + (status.empty() ? std::string() : "\nSTATUS=" + one_line(status))); }

void Notifier::reloading(std::string_view status) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const std::int64_t microseconds = std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS={}", microseconds, one_line(status)));
}

void Notifier::stopping(std::string_view status) { send("STOPPING=1\nSTATUS=" + one_line(status)); }
void Notifier::status(std::string_view status) { send("STATUS=" + one_line(status)); }
void Notifier::watchdog() { send("WATCHDOG=1"); }
void Notifier::main_pid(int pid) { send(fmt::format("MAINPID={}", pid)); }

ActivatedSockets ActivatedSockets::from_environment(const EnvironmentReader& read, int pid, int first) {
  ActivatedSockets out;
  const auto count = number(read("LISTEN_FDS"));
  if (number(read("LISTEN_PID")) != pid_or_own(pid) || !count || *count > most_sockets) return out;
  std::vector<std::string> names;
  base::split(read("LISTEN_FDNAMES").value_or(""), ':', [&](std::string_view name) { names.emplace_back(name); });
  for (int i = 0; i < *count; ++i) {
    const int fd = first + i;
    if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) continue;  // not open
    Socket socket;
    socket.fd.reset(fd);
    if (static_cast<std::size_t>(i) < names.size()) socket.name = names[static_cast<std::size_t>(i)];
    socket.listens = option_of(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM && option_of(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1;
    if (socket.listens) {
      ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
      sockaddr_storage bound{};
      socklen_t length = sizeof bound;
      if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length) == 0)
        socket.bound = net::Address::from(reinterpret_cast<const sockaddr*>(&bound), length);
      socket.both_families = bound.ss_family == AF_INET6 && option_of(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0;
    }
    out.sockets_.push_back(std::move(socket));
  }
  return out;
}

ActivatedSockets ActivatedSockets::take_over() {
  ActivatedSockets out = from_environment();
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(name);
  return out;
}

std::unique_ptr<net::Listener> ActivatedSockets::take(std::span<const std::string> names, const net::Address& address) {
  const auto named = [&](const Socket& one) { return one.listens && !one.name.empty() && std::find(names.begin(), names.end(), one.name) != names.end(); };
  const auto bound = [&](const Socket& one) { return one.listens && one.bound == address; };
  // [::]:80 without IPV6_V6ONLY is systemd's usual socket for all addresses, *:80 included.
  const auto covers = [&](const Socket& one) {
    return one.listens && one.both_families && one.bound.port() == address.port() && any_address(one.bound) && any_address(address);
  };
  const auto both = [&](const Socket& one) { return named(one) && bound(one); };
  auto found = std::find_if(sockets_.begin(), sockets_.end(), both);
  if (found == sockets_.end()) found = std::find_if(sockets_.begin(), sockets_.end(), named);
  if (found == sockets_.end()) found = std::find_if(sockets_.begin(), sockets_.end(), bound);
  if (found == sockets_.end()) found = std::find_if(sockets_.begin(), sockets_.end(), covers);
  if (found == sockets_.end()) return nullptr;
  auto out = std::make_unique<net::Listener>(std::vector<int>{found->fd.release()});
  sockets_.erase(found);
  return out;
}

std::vector<std::string> ActivatedSockets::close_rest() {
  std::vector<std::string> out;
  for (const Socket& socket : sockets_) {
    const std::string what = socket.listens ? "socket " + socket.bound.text() : "descriptor (no listening stream socket)";
    out.push_back("systemd gave the " + what + (socket.name.empty() ? "" : " named \"" + socket.name + "\"") + ", which no listener of the configuration takes; closed");
  }
  sockets_.clear();
  return out;
}

std::optional<base::Duration> watchdog_interval(const EnvironmentReader& read, int pid) {
  const auto interval = number(read("WATCHDOG_USEC"));
  if (!interval || *interval == 0) return std::nullopt;
  const auto whose = read("WATCHDOG_PID");
  if (whose && number(whose) != pid_or_own(pid)) return std::nullopt;
  return std::chrono::microseconds(*interval);
}

}  // namespace process
