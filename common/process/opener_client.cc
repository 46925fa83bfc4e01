// SPDX-License-Identifier: BSD-2-Clause
#include "process/opener_client.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "net/reasons.h"

namespace process {
namespace {

constexpr int patience = 20'000;  // milliseconds for an answer; host names in the configuration may have to be resolved

bool readable(int fd) {
  pollfd polled{fd, POLLIN, 0};
  int n = 0;
  do n = ::poll(&polled, 1, patience);
  while (n < 0 && errno == EINTR);
  return n > 0;
}

std::optional<Opener::Reply> read_reply(wire::Message& message, std::size_t& descriptors) {
  wire::Reader in(message.bytes);
  Opener::Reply out;
  out.answer = static_cast<wire::Answer>(in.number());
  out.system = static_cast<int>(in.number());
  out.text = in.text();
  out.state.device = static_cast<std::uint64_t>(in.number());
  out.state.inode = static_cast<std::uint64_t>(in.number());
  out.state.size = static_cast<std::uint64_t>(in.number());
  out.state.modified = in.number();
  out.state.changed = in.number();
  descriptors = static_cast<std::size_t>(in.number());
  out.descriptors = std::move(message.descriptors);
  if (!in.complete()) return std::nullopt;
  return out;
}

base::Error listen_error(const base::ReasonRow& row, int system, std::string_view name) {
  return {base::Reason{&row, system, 0, name}, base::Side::internal, false, system};
}

}  // namespace

OpenedAccess::OpenedAccess(net::Descriptor channel, int pid) : channel_(std::move(channel)), pid_(pid) { set_log({}); }

// Closing our end is what ends it.
OpenedAccess::~OpenedAccess() {
  channel_.reset();
  for (int tries = 0; pid_ > 0 && tries < 200; ++tries) {
    if (::waitpid(pid_, nullptr, WNOHANG) != 0) return;
    ::usleep(5000);
  }
}

void OpenedAccess::set_log(std::function<void(const std::string&)> log) {
  if (!log) log = [](const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); };
  const std::lock_guard lock(mutex_);
  log_ = std::move(log);
}

void OpenedAccess::say(const std::string& text) {
  std::function<void(const std::string&)> log;
  {
    const std::lock_guard lock(mutex_);
    log = log_;
  }
  log(text);
}

OpenedAccess::Turn::Turn(OpenedAccess& access) : access_(access) {
  std::unique_lock lock(access_.mutex_);
  access_.free_.wait(lock, [this] { return !access_.taken_; });
  access_.taken_ = true;
}

OpenedAccess::Turn::~Turn() {
  {
    const std::lock_guard lock(access_.mutex_);
    access_.taken_ = false;
  }
  access_.free_.notify_one();
}

std::optional<Opener::Reply> OpenedAccess::exchange(std::string_view request) {
  if (channel_.get() < 0 || request.size() > wire::longest || !wire::send(channel_.get(), request) || !readable(channel_.get())) return std::nullopt;
  auto first = wire::receive(channel_.get(), true);
  if (!first) return std::nullopt;
  std::size_t descriptors = 0;
  auto reply = read_reply(*first, descriptors);
  while (reply && reply->descriptors.size() < descriptors) {
    auto more = readable(channel_.get()) ? wire::receive(channel_.get(), true) : std::nullopt;
    if (!more || more->descriptors.empty()) return std::nullopt;
    for (net::Descriptor& one : more->descriptors) reply->descriptors.push_back(std::move(one));
  }
  return reply;
}

std::optional<Opener::Reply> OpenedAccess::ask(const wire::Writer& request) {
  const Turn turn(*this);
  if (channel_.get() < 0) return std::nullopt;
  auto reply = exchange(request.bytes());
  if (reply) return reply;
  channel_.reset();
  if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
  say("the opener, which kept root's rights for listening, keys and logs, does not answer any more: what needs them waits for a restart as root");
  return std::nullopt;
}

void OpenedAccess::tell(const Opener::Reply& reply, const std::string& what) {
  if (reply.answer != wire::Answer::refused && reply.answer != wire::Answer::unsafe) return;
  const std::string why = reply.answer == wire::Answer::refused ? reply.text : "the account of the daemon can change the way to it; give it the right to do so itself";
  say("the opener refuses " + what + ": " + why);
}

net::Descriptor OpenedAccess::new_channel() {
  auto reply = ask(wire::Writer().number(static_cast<std::int64_t>(wire::Request::channel)));
  pid_ = -1;  // it may live longer than we do: nobody waits for it
  return reply && !reply->descriptors.empty() ? std::move(reply->descriptors.front()) : net::Descriptor();
}

base::Result<std::unique_ptr<net::Listener>> OpenedAccess::bind(const net::Address& address, std::size_t workers, const net::ListenOptions& options,
                                                                std::string_view name) {
  if (address.is_unix()) {
    auto own = DirectAccess::bind(address, workers, options, name);
    if (own || !is_denial(own.error().system)) return own;
  }
  wire::Writer request;
  request.number(static_cast<std::int64_t>(wire::Request::bind)).text(address.text()).number(static_cast<std::int64_t>(workers));
  request.number(options.backlog).number(options.unix_mode).number(options.ipv6_only ? 1 : 0);
  auto reply = ask(request);
  if (!reply) {
    auto own = DirectAccess::bind(address, workers, options, name);
    if (!own && is_denial(own.error().system)) own.error().reason.row = &reasons::opener_gone;
    return own;
  }
  tell(*reply, "to listen on " + address.text());
  switch (reply->answer) {
    case wire::Answer::done: break;
    case wire::Answer::not_socket: return std::unexpected(listen_error(net::reasons::listen_not_socket, 0, name));
    case wire::Answer::refused: return std::unexpected(listen_error(reasons::bind_unnamed, 0, name));
    case wire::Answer::unsafe: return std::unexpected(listen_error(reasons::bind_unsafe, 0, name));
    case wire::Answer::failed: {
      const int system = reply->system;
      const auto& row = system == EADDRINUSE ? net::reasons::listen_in_use : is_denial(system) ? net::reasons::listen_denied : net::reasons::listen_failed;
      return std::unexpected(listen_error(row, system, name));
    }
  }
  std::vector<int> numbers;
  for (net::Descriptor& one : reply->descriptors) numbers.push_back(one.release());
  if (numbers.empty()) return std::unexpected(listen_error(net::reasons::listen_failed, EPROTO, name));
  return std::make_unique<net::Listener>(std::move(numbers));
}

std::expected<net::Descriptor, int> OpenedAccess::ask_for_file(wire::Request kind, const std::string& path) {
  auto reply = ask(wire::Writer().number(static_cast<std::int64_t>(kind)).text(path));
  if (!reply) return std::unexpected(EACCES);
  tell(*reply, (kind == wire::Request::log ? "to open the log " : "to read ") + path);
  if (reply->answer != wire::Answer::done) return std::unexpected(reply->system);
  if (reply->descriptors.empty()) return std::unexpected(EPROTO);
  return std::move(reply->descriptors.front());
}

std::expected<net::Descriptor, int> OpenedAccess::open_file(const std::string& path) {
  auto own = DirectAccess::open_file(path);
  return own || !is_denial(own.error()) ? std::move(own) : ask_for_file(wire::Request::open, path);
}

std::expected<net::Descriptor, int> OpenedAccess::open_log(const std::string& path) {
  auto own = DirectAccess::open_log(path);
  return own || !is_denial(own.error()) ? std::move(own) : ask_for_file(wire::Request::log, path);
}

std::expected<FileState, int> OpenedAccess::stat(const std::string& path) {
  auto own = DirectAccess::stat(path);
  if (own || !is_denial(own.error())) return own;
  const auto reply = ask(wire::Writer().number(static_cast<std::int64_t>(wire::Request::stat)).text(path));
  if (!reply) return own;
  tell(*reply, "to look at " + path);
  if (reply->answer != wire::Answer::done) return std::unexpected(reply->system);
  return reply->state;
}

// The account may see nothing of what a folder holds, or not all; what it does see is less than the truth then.
std::vector<std::string> OpenedAccess::expand(const std::string& pattern) {
  const auto reply = ask(wire::Writer().number(static_cast<std::int64_t>(wire::Request::expand)).text(pattern));
  if (!reply || reply->answer != wire::Answer::done) {
    if (reply) tell(*reply, "to expand " + pattern);
    return DirectAccess::expand(pattern);
  }
  std::vector<std::string> out;
  for (std::string_view left = reply->text; !left.empty();) {
    const std::size_t end = left.find('\0');
    out.emplace_back(left.substr(0, end));
    left.remove_prefix(end == std::string_view::npos ? left.size() : end + 1);
  }
  return out;
}

}  // namespace process
