// SPDX-License-Identifier: BSD-2-Clause
// One large body up or down, every byte compared, at a pace or as fast as it goes; and the visitor, who notes how long each visit takes.
#include <poll.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "stream.h"

namespace crowd {
namespace {

constexpr std::size_t piece = 128 * 1024;

void await(const Stream& stream, bool writing, double until) {
  pollfd p{stream.fd(), static_cast<short>(writing ? POLLOUT : POLLIN), 0};
  const double left = until - seconds_now();
  if (left <= 0 || ::poll(&p, 1, static_cast<int>(left * 1000) + 1) == 0) die("nothing happened for too long");
}

void connect(Stream& stream, const Target& to, SSL_CTX* tls, double until) {
  const int fd = to.connect(0);
  if (fd < 0) die("cannot connect to " + to.text);
  stream.open(fd, tls);
  if (!tls) return;
  for (;;) {
    const Io io = stream.handshake();
    if (io == Io::done) return;
    if (io == Io::ended) die("the handshake failed");
    await(stream, io == Io::wants_write, until);
  }
}

void send_all(Stream& stream, std::string_view bytes, double until) {
  while (!bytes.empty()) {
    std::size_t n = 0;
    const Io io = stream.write(bytes, n);
    if (io == Io::ended) die("the connection ended while sending");
    if (io != Io::done) await(stream, io == Io::wants_write, until);
    bytes.remove_prefix(n);
  }
}

// Appends what comes; false at the end.
bool receive(Stream& stream, std::string& to, std::size_t room, double until) {
  const std::size_t before = to.size();
  to.resize(before + room);
  for (;;) {
    std::size_t n = 0;
    const Io io = stream.read(to.data() + before, room, n);
    to.resize(io == Io::done ? before + n : before + room);
    if (io == Io::done) return true;
    if (io == Io::ended) {
      to.resize(before);
      return false;
    }
    await(stream, io == Io::wants_write, until);
  }
}

// Reads a head; what came behind it stays in `rest`.
std::string read_head(Stream& stream, std::string& rest, double until) {
  while (head_length(rest) == 0)
    if (!receive(stream, rest, 4096, until)) die("the connection ended inside a head: " + rest);
  const std::string head = rest.substr(0, head_length(rest));
  rest.erase(0, head.size());
  return head;
}

class Pace {
 public:
  explicit Pace(double rate) : rate_(rate), began_(seconds_now()) {}
  void moved(std::size_t bytes) {
    total_ += bytes;
    if (rate_ <= 0) return;
    const double ahead = began_ + static_cast<double>(total_) / rate_ - seconds_now();
    if (ahead > 0.002) std::this_thread::sleep_for(std::chrono::duration<double>(ahead));
  }
  double seconds() const { return seconds_now() - began_; }
  std::uint64_t total() const { return total_; }

 private:
  double rate_, began_;
  std::uint64_t total_ = 0;
};

constexpr double patience = 120;

bool download(Stream& stream, const Options& o, Pace& pace) {
  send_all(stream, "GET /bytes/" + std::to_string(o.size) + " HTTP/1.1\r\nHost: large.example\r\n\r\n", seconds_now() + patience);
  std::string bytes;
  const std::string head = read_head(stream, bytes, seconds_now() + patience);
  if (content_length(head, 0) != o.size) die("not the length: " + head);
  bool good = true;
  for (std::uint64_t seen = 0; seen < o.size;) {
    if (!bytes.empty()) {
      good = check(bytes.data(), bytes.size(), seen) && good;
      seen += bytes.size();
      pace.moved(bytes.size());
      bytes.clear();
      continue;
    }
    if (!receive(stream, bytes, piece, seconds_now() + patience)) return false;
  }
  return good;
}

bool upload(Stream& stream, const Options& o, Pace& pace) {
  send_all(stream, "POST / HTTP/1.1\r\nHost: large.example\r\nContent-Length: " + std::to_string(o.size) + "\r\n\r\n", seconds_now() + patience);
  std::string bytes(piece, 0);
  for (std::uint64_t sent = 0; sent < o.size;) {
    const std::size_t n = std::min<std::uint64_t>(piece, o.size - sent);
    fill(bytes.data(), n, sent);
    send_all(stream, std::string_view(bytes).substr(0, n), seconds_now() + patience);
    sent += n;
    pace.moved(n);
  }
  std::string rest;
  const std::string head = read_head(stream, rest, seconds_now() + patience);
  while (rest.size() < content_length(head, 0))
    if (!receive(stream, rest, 4096, seconds_now() + patience)) return false;
  return rest == "ok " + std::to_string(o.size);
}

// Asks, reads the beginning and stops. Ends when the other side does; says after how long.
int stop_reading(Stream& stream, const Options& o) {
  send_all(stream, "GET /bytes/" + std::to_string(o.size) + " HTTP/1.1\r\nHost: large.example\r\n\r\n", seconds_now() + patience);
  std::string bytes;
  read_head(stream, bytes, seconds_now() + patience);
  const double began = seconds_now();
  pollfd p{stream.fd(), POLLRDHUP, 0};
  const int n = ::poll(&p, 1, static_cast<int>(o.seconds * 1000));
  std::printf("{\"ended\": %s, \"seconds\": %.3f}\n", n > 0 ? "true" : "false", seconds_now() - began);
  return 0;
}

double visit(const Options& o, SSL_CTX* tls) {
  const double began = seconds_now(), until = began + 30;
  Stream stream;
  connect(stream, o.to, tls, until);
  for (int i = 0; i < 2; ++i) {
    send_all(stream, "GET " + o.target + " HTTP/1.1\r\nHost: visitor.example\r\n\r\n", until);
    std::string bytes;
    const std::string head = read_head(stream, bytes, until);
    if (!head.starts_with("HTTP/1.1 200")) die("the visitor got " + head);
    while (bytes.size() < content_length(head, 0))
      if (!receive(stream, bytes, 65536, until)) die("the visitor's answer was cut short");
  }
  return seconds_now() - began;
}

}  // namespace

int run_transfer(const Options& options) {
  Stream stream;
  connect(stream, options.to, options.tls ? client_tls() : nullptr, seconds_now() + 30);
  if (options.mode == "stop") return stop_reading(stream, options);
  Pace pace(options.rate);
  const bool good = options.mode == "up" ? upload(stream, options, pace) : download(stream, options, pace);
  std::printf("{\"good\": %s, \"bytes\": %llu, \"seconds\": %.3f}\n", good ? "true" : "false", static_cast<unsigned long long>(pace.total()), pace.seconds());
  return 0;
}

// A visit is a new connection with two requests; then a short rest, so that a visitor is no load.
int run_visitor(const Options& options) {
  SSL_CTX* tls = options.tls ? client_tls() : nullptr;
  std::vector<double> took;
  for (const double end = seconds_now() + options.seconds; seconds_now() < end;) {
    took.push_back(visit(options, tls));
    std::this_thread::sleep_for(std::chrono::duration<double>(options.interval));
  }
  std::sort(took.begin(), took.end());
  const auto at = [&](double share) { return took[std::min(took.size() - 1, static_cast<std::size_t>(static_cast<double>(took.size()) * share))] * 1000; };
  std::printf("{\"visits\": %zu, \"p50\": %.3f, \"p99\": %.3f, \"max\": %.3f}\n", took.size(), at(0.5), at(0.99), took.back() * 1000);
  return 0;
}

}  // namespace crowd
