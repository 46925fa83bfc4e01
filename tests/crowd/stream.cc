// SPDX-License-Identifier: BSD-2-Clause
#include "stream.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <strings.h>

namespace crowd {
namespace {

// Family AF_UNSPEC: no address.
socklen_t parse(const std::string& text, sockaddr_storage& out) {
  out = {};
  if (text.starts_with("unix:")) {
    auto& to = reinterpret_cast<sockaddr_un&>(out);
    to.sun_family = AF_UNIX;
    if (text.size() - 5 >= sizeof to.sun_path) die("path too long: " + text);
    std::memcpy(to.sun_path, text.data() + 5, text.size() - 5);
    return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + text.size() - 5 + 1);
  }
  const std::size_t colon = text.rfind(':');
  auto& to = reinterpret_cast<sockaddr_in&>(out);
  if (colon == std::string::npos || inet_pton(AF_INET, text.substr(0, colon).c_str(), &to.sin_addr) != 1) die("no address: " + text);
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::atoi(text.c_str() + colon + 1)));
  return sizeof to;
}

}  // namespace

void die(const std::string& text) {
  std::fprintf(stderr, "crowd: %s\n", text.c_str());
  std::exit(2);
}

double seconds_now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

int Target::connect(int receive_buffer) const {
  sockaddr_storage to;
  const socklen_t length = parse(text, to);
  const int fd = ::socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  if (to.ss_family != AF_UNIX) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (receive_buffer > 0) ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), length) == 0 || errno == EINPROGRESS) return fd;
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

int Target::listen() const {
  sockaddr_storage at;
  const socklen_t length = parse(text, at);
  const int fd = ::socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (fd < 0 || ::bind(fd, reinterpret_cast<const sockaddr*>(&at), length) < 0 || ::listen(fd, 8192) < 0) die("cannot listen on " + text);
  return fd;
}

void Stream::open(int fd, SSL_CTX* tls) {
  close();
  fd_ = fd;
  if (!tls) return;
  ssl_ = SSL_new(tls);
  SSL_set_fd(ssl_, fd);
  SSL_set_connect_state(ssl_);
}

void Stream::close() {
  if (ssl_) SSL_free(ssl_);
  if (fd_ >= 0) ::close(fd_);
  ssl_ = nullptr;
  fd_ = -1;
}

Io Stream::tls_outcome(int code) {
  if (code == 1) return Io::done;
  switch (SSL_get_error(ssl_, code)) {
    case SSL_ERROR_WANT_READ: return Io::again;
    case SSL_ERROR_WANT_WRITE: return Io::wants_write;
    default: ERR_clear_error(); return Io::ended;
  }
}

Io Stream::handshake() {
  if (!ssl_) return Io::done;
  ERR_clear_error();
  return tls_outcome(SSL_do_handshake(ssl_));
}

Io Stream::read(char* to, std::size_t room, std::size_t& got) {
  got = 0;
  if (ssl_) {
    ERR_clear_error();
    return tls_outcome(SSL_read_ex(ssl_, to, room, &got));
  }
  const ssize_t n = ::recv(fd_, to, room, 0);
  if (n > 0) got = static_cast<std::size_t>(n);
  if (n > 0) return Io::done;
  return n < 0 && errno == EAGAIN ? Io::again : Io::ended;
}

Io Stream::write(std::string_view bytes, std::size_t& sent) {
  sent = 0;
  if (ssl_) {
    ERR_clear_error();
    return tls_outcome(SSL_write_ex(ssl_, bytes.data(), bytes.size(), &sent));
  }
  const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (n >= 0) sent = static_cast<std::size_t>(n);
  if (n >= 0) return Io::done;
  return errno == EAGAIN ? Io::wants_write : Io::ended;
}

SSL_CTX* client_tls(bool http2) {
  // One for the program; freed at its end.
  static const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> made(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SSL_CTX_set_mode(made.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(made.get(), SSL_VERIFY_NONE, nullptr);
  static constexpr unsigned char h2[] = {2, 'h', '2'};
  if (http2) SSL_CTX_set_alpn_protos(made.get(), h2, sizeof h2);
  return made.get();
}

void fill(char* to, std::size_t size, std::uint64_t offset) {
  for (std::size_t i = 0; i < size;) {
    const std::uint64_t place = offset + i, word = word_at(place / 8);
    const std::size_t skip = place % 8, n = std::min<std::size_t>(8 - skip, size - i);
    std::memcpy(to + i, reinterpret_cast<const char*>(&word) + skip, n);
    i += n;
  }
}

bool check(const char* from, std::size_t size, std::uint64_t offset) {
  for (std::size_t i = 0; i < size;) {
    const std::uint64_t place = offset + i, word = word_at(place / 8);
    const std::size_t skip = place % 8, n = std::min<std::size_t>(8 - skip, size - i);
    if (std::memcmp(from + i, reinterpret_cast<const char*>(&word) + skip, n) != 0) return false;
    i += n;
  }
  return true;
}

std::size_t head_length(std::string_view bytes) {
  const std::size_t at = bytes.find("\r\n\r\n");
  return at == std::string_view::npos ? 0 : at + 4;
}

std::uint64_t content_length(std::string_view head, std::uint64_t otherwise) {
  static constexpr std::string_view name = "\r\ncontent-length:";
  for (std::size_t i = 0; i + name.size() < head.size(); ++i)
    if (strncasecmp(head.data() + i, name.data(), name.size()) == 0) return std::strtoull(head.data() + i + name.size(), nullptr, 10);
  return otherwise;
}

}  // namespace crowd
