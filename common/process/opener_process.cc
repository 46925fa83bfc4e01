// SPDX-License-Identifier: BSD-2-Clause
#include "process/opener_process.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

namespace process {
namespace {

constexpr std::size_t most_channels = 8;  // the daemon's, and those of upgrades
constexpr int kept[] = {CAP_NET_BIND_SERVICE, CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE, CAP_CHOWN};

// Signals of a terminal or a manager are for the daemon; the opener ends with it.
void ignore_signals() {
  for (int number : {SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGWINCH, SIGTSTP}) std::signal(number, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Nothing that the daemon has open stays open because of us; standard error does, for a failed check.
int keep_only(int channel) {
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(nothing, STDOUT_FILENO);
  if (channel != 3) ::dup3(channel, 3, O_CLOEXEC);
  ::close_range(4, ~0U, 0);
  return 3;
}

// Where ps looks for a process's arguments: fields 48 and 49 of proc(5)'s stat.
std::span<char> own_arguments() {
  std::ifstream file("/proc/self/stat");
  std::string text(std::istreambuf_iterator<char>(file), {});
  std::istringstream in(text.substr(std::min(text.size(), text.rfind(')') + 1)));
  std::string field;
  for (int i = 3; i < 48 && in >> field; ++i) {}
  std::uintptr_t begin = 0, end = 0;
  if (!(in >> begin >> end) || begin == 0 || end <= begin) return {};
  return {reinterpret_cast<char*>(begin), end - begin};
}

void show_name(const OpenerStart& start) {
  ::prctl(PR_SET_NAME, (start.name.substr(0, 8) + "/opener").c_str());
  const std::string title = start.name + ": opener";
  const std::span<char> shown = own_arguments();
  if (shown.size() < 2) return;
  std::fill(shown.begin(), shown.end(), '\0');
  std::copy_n(title.begin(), std::min(title.size(), shown.size() - 1), shown.begin());
}

bool answer(int fd, const Opener::Reply& reply) {
  wire::Writer out;
  out.number(static_cast<std::int64_t>(reply.answer)).number(reply.system).text(reply.text);
  out.number(static_cast<std::int64_t>(reply.state.device)).number(static_cast<std::int64_t>(reply.state.inode)).number(static_cast<std::int64_t>(reply.state.size));
  out.number(reply.state.modified).number(reply.state.changed).number(static_cast<std::int64_t>(reply.descriptors.size()));
  std::vector<int> numbers;
  for (const net::Descriptor& one : reply.descriptors) numbers.push_back(one.get());
  std::span<const int> left(numbers);
  std::string_view bytes = out.bytes();
  // More descriptors than a message takes follow in messages of one byte.
  do {
    const auto now = left.first(std::min(left.size(), wire::most_descriptors));
    if (!wire::send(fd, bytes, now)) return false;
    left = left.subspan(now.size());
    bytes = "+";
  } while (!left.empty());
  return true;
}

Opener::Reply new_channel(std::vector<net::Descriptor>& channels) {
  Opener::Reply reply;
  int pair[2];
  if (channels.size() >= most_channels) {
    reply.answer = wire::Answer::failed;
    reply.system = EMFILE;
  } else if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    reply.answer = wire::Answer::failed;
    reply.system = errno;
  } else {
    channels.emplace_back(pair[0]);
    reply.descriptors.emplace_back(pair[1]);
  }
  return reply;
}

bool serve_one(Opener& opener, std::vector<net::Descriptor>& channels, int fd) {
  const auto message = wire::receive(fd, false);
  if (!message) return false;
  wire::Reader in(message->bytes);
  const bool channel = in.number() == static_cast<std::int64_t>(wire::Request::channel) && in.complete();
  return answer(fd, channel ? new_channel(channels) : opener.handle(message->bytes));
}

void serve(Opener& opener, int first) {
  std::vector<net::Descriptor> channels;
  channels.emplace_back(first);
  while (!channels.empty()) {
    std::vector<pollfd> polled;
    for (const net::Descriptor& one : channels) polled.push_back({one.get(), POLLIN, 0});
    if (::poll(polled.data(), polled.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    for (const pollfd& one : polled)
      if (one.revents != 0 && !serve_one(opener, channels, one.fd))
        std::erase_if(channels, [&](const net::Descriptor& channel) { return channel.get() == one.fd; });
  }
}

[[noreturn]] void run(const OpenerStart& start, int channel) {
  ignore_signals();
  channel = keep_only(channel);
  show_name(start);
  ::umask(0027);
  ::prctl(PR_SET_DUMPABLE, 0);
  ::setgroups(0, nullptr);
  if (!keep_capabilities(kept)) {
    std::fprintf(stderr, "%s: opener: cannot give up capabilities: %s\n", start.name.c_str(), std::strerror(errno));
    ::_exit(1);
  }
  Opener opener(start.account, start.naming);
  serve(opener, channel);
  ::_exit(0);
}

}  // namespace

std::expected<net::Descriptor, std::string> fork_opener(const OpenerStart& start, int& pid) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return std::unexpected(std::string("socketpair: ") + std::strerror(errno));
  net::Descriptor ours(pair[0]), its(pair[1]);
  pid = ::fork();
  if (pid < 0) return std::unexpected(std::string("fork: ") + std::strerror(errno));
  if (pid == 0) run(start, its.release());
  return ours;
}

}  // namespace process
