// SPDX-License-Identifier: BSD-2-Clause
// A socket of the load programs, plain or TLS, non-blocking. Shares nothing with the daemons.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace crowd {

[[noreturn]] void die(const std::string& text);
double seconds_now();  // monotonic

// "127.0.0.1:80" or "unix:/path", numeric.
struct Target {
  std::string text;
  int connect(int receive_buffer) const;  // non-blocking; -1 with errno
  int listen() const;
};

enum class Io : std::uint8_t { done, again, wants_write, ended };

class Stream {
 public:
  Stream() = default;
  ~Stream() { close(); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  void open(int fd, SSL_CTX* tls);
  void close();
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  Io handshake();  // done at once where there is no TLS
  Io read(char* to, std::size_t room, std::size_t& got);
  Io write(std::string_view bytes, std::size_t& sent);

 private:
  Io tls_outcome(int code);
  int fd_ = -1;
  SSL* ssl_ = nullptr;
};

SSL_CTX* client_tls(bool http2 = false);

// The bytes of every generated body: a function of their place in it, so that one lost or doubled is found.
inline std::uint64_t word_at(std::uint64_t place) { return (place + 1) * 0x9E3779B97F4A7C15ULL; }
void fill(char* to, std::size_t size, std::uint64_t offset);
bool check(const char* from, std::size_t size, std::uint64_t offset);

// Counts the bytes of a response (or request) head: its length once it is whole, else 0.
std::size_t head_length(std::string_view bytes);
// The number behind "Content-Length:", or `otherwise`.
std::uint64_t content_length(std::string_view head, std::uint64_t otherwise);

struct Options {
  Target to;
  std::string mode, target = "/";
  std::size_t count = 1;
  bool tls = false, http2 = false, again = true;
  double interval = 1, seconds = 1, rate = 0;
  std::uint64_t size = 0;
  std::size_t step = 1;   // bytes a turn
  std::uint32_t streams = 1;  // a connection
};

int run_clients(const Options& options);
int run_origin(const Options& options);
int run_transfer(const Options& options);
int run_visitor(const Options& options);

}  // namespace crowd
