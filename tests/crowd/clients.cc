// SPDX-License-Identifier: BSD-2-Clause
// Many clients on one thread, all of one kind. One that is cut comes again, so that their number stays.
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <queue>
#include <vector>

#include "http2.h"
#include "stream.h"

namespace crowd {
namespace {

enum class Kind : std::uint8_t { idle, head, body, reader, shut, silent };

struct Client {
  enum class State : std::uint8_t { closed, connecting, handshake, sending, waiting, settled };
  Stream stream;
  State state = State::closed;
  std::size_t sent = 0;       // of the head
  std::uint64_t left = 0;     // of the answer
  std::string got;            // of the answer's head
  http2::Frames frames;
  double due = 0;             // next byte, or next attempt
};

class Clients {
 public:
  explicit Clients(const Options& options);
  int run();

 private:
  using State = Client::State;
  void start(std::size_t at);
  void wanted(std::size_t at, std::uint32_t events, int operation);
  void on_event(std::size_t at);
  void go_on(std::size_t at);
  void send_head(std::size_t at);
  void trickle(std::size_t at);
  void receive(std::size_t at);
  bool receive_frames(Client& client, std::string_view bytes);
  char next_byte(std::uint64_t at) const;
  void lost(std::size_t at);
  void settle(Client& client);
  void report() const;
  http2::Kind frame_kind() const { return static_cast<http2::Kind>(kind_); }
  bool slow_sender() const { return kind_ == Kind::head || kind_ == Kind::body; }

  Options options_;
  Kind kind_ = Kind::idle;
  int epoll_;
  SSL_CTX* tls_;
  std::string request_;
  std::vector<std::unique_ptr<Client>> clients_;
  struct Turn {
    std::size_t at;
    double due;         // another than the client's: of an earlier connection
    bool operator<(const Turn& other) const { return due > other.due; }
  };
  std::priority_queue<Turn> turns_;     // clients that send slowly
  std::deque<std::size_t> again_;       // closed ones
  std::size_t settled_ = 0, under_way_ = 0;
  std::uint64_t made_ = 0, cut_ = 0, failed_ = 0;
  std::uint64_t answered_ = 0, reset_ = 0;  // streams of HTTP/2: heads of answers, resets
  std::map<int, std::uint64_t> statuses_;
};

Clients::Clients(const Options& options) : options_(options), epoll_(::epoll_create1(EPOLL_CLOEXEC)), tls_(options.tls ? client_tls(options.http2) : nullptr) {
  const std::string host = "\r\nHost: slow.example\r\n";
  if (options.mode == "idle") kind_ = Kind::idle, request_ = "GET " + options.target + " HTTP/1.1" + host + "\r\n";
  else if (options.mode == "head") kind_ = Kind::head, request_ = "GET " + options.target + " HTTP/1.1" + host + "X-Slow: ";
  else if (options.mode == "body") kind_ = Kind::body, request_ = "POST " + options.target + " HTTP/1.1" + host + "Content-Length: 100000000\r\n\r\n";
  else if (options.mode == "reader") kind_ = Kind::reader, request_ = "GET " + options.target + " HTTP/1.1" + host + "\r\n";
  else if (options.mode == "shut" && options.http2) kind_ = Kind::shut;
  else if (options.mode == "silent") kind_ = Kind::silent;
  else die("no such mode: " + options.mode);
  if (options.http2 && kind_ != Kind::silent) request_ = http2::opening(options, frame_kind());
  for (std::size_t i = 0; i < options.count; ++i) {
    clients_.push_back(std::make_unique<Client>());
    again_.push_back(i);
  }
}

void Clients::wanted(std::size_t at, std::uint32_t events, int operation) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = at;
  ::epoll_ctl(epoll_, operation, clients_[at]->stream.fd(), &event);
}

void Clients::start(std::size_t at) {
  Client& client = *clients_[at];
  const int fd = options_.to.connect(kind_ == Kind::reader ? 4096 : 0);
  if (fd < 0) {
    ++failed_;
    client.due = seconds_now() + 0.2;
    again_.push_back(at);
    return;
  }
  client.stream.open(fd, tls_);
  client.state = State::connecting;
  client.sent = 0;
  client.left = 0;
  client.got.clear();
  client.frames.clear();
  ++under_way_;
  wanted(at, EPOLLIN | EPOLLOUT | EPOLLRDHUP, EPOLL_CTL_ADD);
}

void Clients::settle(Client& client) {
  if (client.state == State::settled) return;
  client.state = State::settled;
  ++settled_;
  --under_way_;
}

void Clients::lost(std::size_t at) {
  Client& client = *clients_[at];
  if (client.state == State::closed) return;
  if (client.state == State::connecting || client.state == State::handshake) ++failed_;
  else ++cut_;
  if (client.state == State::settled) --settled_;
  else --under_way_;
  client.state = State::closed;
  client.stream.close();
  client.due = 0;
  if (options_.again) again_.push_back(at);
}

void Clients::go_on(std::size_t at) {
  Client& client = *clients_[at];
  if (client.state == State::connecting) client.state = State::handshake;
  if (client.state == State::handshake) {
    const Io io = client.stream.handshake();
    if (io == Io::ended) return lost(at);
    if (io != Io::done) return wanted(at, EPOLLRDHUP | (io == Io::wants_write ? EPOLLOUT : EPOLLIN), EPOLL_CTL_MOD);
    ++made_;
    client.state = State::sending;
    if (kind_ == Kind::silent) {
      settle(client);
      return wanted(at, EPOLLIN | EPOLLRDHUP, EPOLL_CTL_MOD);
    }
  }
  if (client.state == State::sending) send_head(at);
}

void Clients::send_head(std::size_t at) {
  Client& client = *clients_[at];
  // A slow head begins with one byte (of HTTP/2: with all but its last field); everything else sends its head at once.
  const std::size_t whole = kind_ == Kind::head && !options_.http2 ? 1 : request_.size();
  while (client.sent < whole) {
    std::size_t n = 0;
    const Io io = client.stream.write(std::string_view(request_).substr(client.sent, whole - client.sent), n);
    if (io == Io::ended) return lost(at);
    if (io != Io::done) return wanted(at, EPOLLOUT | EPOLLRDHUP, EPOLL_CTL_MOD);
    client.sent += n;
  }
  client.state = State::waiting;
  if (slow_sender()) {
    // Each has its own time within the interval, as clients that know nothing of each other have.
    client.due = seconds_now() + options_.interval * (0.5 + static_cast<double>(at) / static_cast<double>(options_.count));
    turns_.push({at, client.due});
  }
  if (kind_ != Kind::idle) settle(client);
  // Who never reads hears only of a reset.
  wanted(at, kind_ == Kind::reader ? 0 : EPOLLIN | EPOLLRDHUP, EPOLL_CTL_MOD);
}

// What a client sends as its `at`-th byte.
char Clients::next_byte(std::uint64_t at) const {
  if (at < request_.size()) return request_[at];
  return options_.http2 ? http2::trickle_byte(frame_kind(), at - request_.size()) : 'a';
}

void Clients::trickle(std::size_t at) {
  Client& client = *clients_[at];
  if (client.state != State::settled) return;
  const std::uint64_t turn = options_.http2 ? http2::trickle_turn(frame_kind()) : 1;
  char bytes[16];
  for (std::uint64_t left = options_.step * turn; left > 0;) {
    const std::uint64_t n = std::min<std::uint64_t>(left, turn);
    for (std::uint64_t i = 0; i < n; ++i) bytes[i] = next_byte(client.sent + i);
    std::size_t sent = 0;
    const Io io = client.stream.write({bytes, n}, sent);
    if (io == Io::ended) return lost(at);
    if (io != Io::done) break;
    client.sent += sent;
    left -= sent;
  }
  client.due = std::max(client.due + options_.interval, seconds_now());
  turns_.push({at, client.due});
}

void Clients::receive(std::size_t at) {
  Client& client = *clients_[at];
  static char bytes[64 * 1024];
  for (;;) {
    std::size_t n = 0;
    const Io io = client.stream.read(bytes, sizeof bytes, n);
    if (io == Io::ended) return lost(at);
    if (io != Io::done) return;
    if (options_.http2) {
      if (!receive_frames(client, {bytes, n})) return lost(at);
    } else if (client.left == 0) {
      client.got.append(bytes, n);
      const std::size_t head = head_length(client.got);
      if (head == 0) continue;
      ++statuses_[std::atoi(client.got.c_str() + 9)];
      client.left = head + content_length(std::string_view(client.got).substr(0, head), 0) - client.got.size();
      std::string().swap(client.got);
    } else {
      client.left -= std::min<std::uint64_t>(client.left, n);
    }
    if (!options_.http2 && client.left == 0 && kind_ == Kind::idle) settle(client);
  }
}

bool Clients::receive_frames(Client& client, std::string_view bytes) {
  const http2::Frames::Seen seen = client.frames.feed(bytes);
  std::size_t sent = 0;
  if (seen.settings && client.stream.write(http2::settings_acknowledged(), sent) == Io::ended) return false;
  answered_ += seen.heads;
  reset_ += seen.resets;
  if (seen.heads > 0) ++statuses_[seen.status];
  if (seen.ends > 0 && kind_ == Kind::idle) settle(client);
  // Its only request is over: it comes again, as one whose connection was closed.
  if (slow_sender() && seen.resets + seen.ends > 0) return false;
  return true;
}

void Clients::on_event(std::size_t at) {
  Client& client = *clients_[at];
  switch (client.state) {
    case State::closed: return;
    case State::waiting:
    case State::settled: return kind_ == Kind::reader ? lost(at) : receive(at);
    default: return go_on(at);
  }
}

void Clients::report() const {
  std::printf("{\"settled\": %zu, \"under_way\": %zu, \"made\": %llu, \"cut\": %llu, \"failed\": %llu, \"answered\": %llu, \"reset\": %llu, \"statuses\": {",
              settled_, under_way_, static_cast<unsigned long long>(made_), static_cast<unsigned long long>(cut_), static_cast<unsigned long long>(failed_),
              static_cast<unsigned long long>(answered_), static_cast<unsigned long long>(reset_));
  const char* between = "";
  for (const auto& [status, count] : statuses_) {
    std::printf("%s\"%d\": %llu", between, status, static_cast<unsigned long long>(count));
    between = ", ";
  }
  std::printf("}}\n");
  std::fflush(stdout);
}

int Clients::run() {
  epoll_event input{};
  input.events = EPOLLIN;
  input.data.u64 = UINT64_MAX;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, STDIN_FILENO, &input);
  epoll_event events[512];
  for (;;) {
    const double now = seconds_now();
    for (std::size_t n = again_.size(); n > 0 && under_way_ < 256 && !again_.empty(); --n) {
      const std::size_t at = again_.front();
      again_.pop_front();
      if (clients_[at]->due > now) again_.push_back(at);
      else start(at);
    }
    while (!turns_.empty() && turns_.top().due <= now) {
      const Turn turn = turns_.top();
      turns_.pop();
      if (clients_[turn.at]->due == turn.due) trickle(turn.at);
    }
    const int n = ::epoll_wait(epoll_, events, 512, 10);
    for (int i = 0; i < n; ++i) {
      if (events[i].data.u64 != UINT64_MAX) {
        on_event(events[i].data.u64);
        continue;
      }
      char line[64];
      if (::read(STDIN_FILENO, line, sizeof line) <= 0) return 0;
      report();
    }
  }
}

}  // namespace

int run_clients(const Options& options) { return Clients(options).run(); }

}  // namespace crowd
