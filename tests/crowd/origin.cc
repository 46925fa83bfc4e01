// SPDX-License-Identifier: BSD-2-Clause
// An origin without memory: /bytes/N is answered with N made-up bytes that nobody may store, /cached/N with N that may be stored;
// a body that is sent is compared with the same bytes and answered with "ok N" or "bad N".
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <unordered_map>

#include "stream.h"

namespace crowd {
namespace {

constexpr std::size_t piece = 256 * 1024;

struct Conversation {
  Stream stream;
  std::string in, out;
  std::size_t written = 0;
  std::uint64_t body_left = 0, body_seen = 0;  // of the request
  std::uint64_t made = 0, wanted = 0;          // of the answer's body
  bool in_body = false, good = true;
};

void answer(Conversation& c, std::string_view fields, std::uint64_t length) {
  c.out += "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n" + std::string(fields) + "Content-Length: " + std::to_string(length) + "\r\n\r\n";
}

// The request's head is whole: what will be answered, and how much of a body comes first.
void begin(Conversation& c, std::string_view head) {
  c.body_left = content_length(head, 0);
  c.body_seen = 0;
  c.in_body = head.starts_with("POST");
  c.good = true;
  c.made = c.wanted = 0;
  if (c.in_body) return;
  const std::size_t bytes = head.find("/bytes/"), cached = head.find("/cached/");
  const std::size_t line = head.find('\r');
  if (bytes < line) c.wanted = std::strtoull(head.data() + bytes + 7, nullptr, 10);
  else if (cached < line) c.wanted = std::strtoull(head.data() + cached + 8, nullptr, 10);
  answer(c, cached < line ? "Cache-Control: max-age=3600\r\n" : "Cache-Control: no-store\r\n", c.wanted);
}

void read_on(Conversation& c) {
  for (;;) {
    if (c.in_body) {
      const std::size_t n = std::min<std::uint64_t>(c.body_left, c.in.size());
      if (!check(c.in.data(), n, c.body_seen)) c.good = false;
      c.in.erase(0, n);
      c.body_left -= n;
      c.body_seen += n;
      if (c.body_left > 0) return;
      c.in_body = false;
      const std::string said = (c.good ? "ok " : "bad ") + std::to_string(c.body_seen);
      answer(c, "Cache-Control: no-store\r\n", said.size());
      c.out += said;
    }
    if (!c.out.empty()) return;  // one after the other
    const std::size_t head = head_length(c.in);
    if (head == 0) return;
    const std::string text = c.in.substr(0, head);
    c.in.erase(0, head);
    begin(c, text);
  }
}

// False: the connection is over.
bool serve(Conversation& c) {
  static char bytes[piece];
  for (;;) {
    std::size_t n = 0;
    while (c.out.empty() && c.made == c.wanted) {
      const Io io = c.stream.read(bytes, sizeof bytes, n);
      if (io == Io::ended) return false;
      if (io != Io::done) return true;
      c.in.append(bytes, n);
      read_on(c);
    }
    while (c.written < c.out.size()) {
      const Io io = c.stream.write(std::string_view(c.out).substr(c.written), n);
      if (io == Io::ended) return false;
      if (io != Io::done) return true;
      c.written += n;
    }
    c.out.clear();
    c.written = 0;
    if (c.made < c.wanted) {
      c.out.resize(std::min<std::uint64_t>(piece, c.wanted - c.made));
      fill(c.out.data(), c.out.size(), c.made);
      c.made += c.out.size();
      // Nine thousand readers that never read would otherwise cost a piece each.
      std::size_t sent = 0;
      const Io io = c.stream.write(c.out, sent);
      if (io == Io::ended) return false;
      if (sent < c.out.size()) {
        c.made -= c.out.size() - sent;
        std::string().swap(c.out);
        if (io != Io::done) return true;
        continue;
      }
      c.out.clear();
    } else {
      read_on(c);
    }
  }
}

}  // namespace

int run_origin(const Options& options) {
  const int listener = options.to.listen();
  sockaddr_storage at{};
  socklen_t length = sizeof at;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &length);
  const auto* port = reinterpret_cast<const unsigned char*>(&at) + 2;
  std::printf("%d\n", options.to.text.starts_with("unix:") ? 0 : port[0] * 256 + port[1]);
  std::fflush(stdout);
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  for (const int fd : {listener, STDIN_FILENO}) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  }
  std::unordered_map<int, std::unique_ptr<Conversation>> all;
  epoll_event events[256];
  for (;;) {
    const int n = ::epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < n; ++i) {
      const int fd = events[i].data.fd;
      if (fd == STDIN_FILENO) return 0;
      if (fd == listener) {
        const int made = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (made < 0) continue;
        auto fresh = std::make_unique<Conversation>();
        const int on = 1;
        ::setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        fresh->stream.open(made, nullptr);
        all.emplace(made, std::move(fresh));
        epoll_event event{};
        event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
        event.data.fd = made;
        ::epoll_ctl(epoll, EPOLL_CTL_ADD, made, &event);
        continue;
      }
      const auto found = all.find(fd);
      if (found == all.end()) continue;
      if ((events[i].events & (EPOLLHUP | EPOLLERR)) || !serve(*found->second)) all.erase(found);
    }
  }
}

}  // namespace crowd
