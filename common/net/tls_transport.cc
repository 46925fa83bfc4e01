// SPDX-License-Identifier: BSD-2-Clause
// OpenSSL over a BIO of ours, which keeps the readiness bits: a short read or write is seen below SSL_read, so that no second system
// call is made to learn of EAGAIN, and none at all while a bit is clear.
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/bytes.h"
#include "base/check.h"
#include "net/event_loop.h"
#include "net/tls.h"

namespace net {
namespace {

constexpr std::size_t record_size = 16 * 1024;    // largest plain text of a record (RFC 8446 5.1)
constexpr std::size_t read_budget = 64 * 1024;    // bytes a call
constexpr std::size_t write_budget = 256 * 1024;

class TlsTransport final : public Transport {
 public:
  TlsTransport(EventLoop& loop, int fd, const Address& remote, const Address& local, std::shared_ptr<TlsContext> context)
      : loop_(loop), fd_(fd), context_(std::move(context)) {
    peer_.remote = remote;
    peer_.local = local;
    peer_.tls = true;
    ready_.writable = true;
    ssl_ = context_->new_connection();
    BIO* bio = ssl_ ? BIO_new(bio_method()) : nullptr;
    if (!bio) {
      ERR_clear_error();
      end(IoState::failed, ENOMEM, "");
      return;
    }
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_, bio, bio);
    SSL_set_accept_state(ssl_);
  }
  ~TlsTransport() override {
    ready_.unregister();
    SSL_free(ssl_);
    ::close(fd_);
  }

  void attach(Task& task) override {
    if (registered_) return ready_.set_task(task);
    registered_ = true;
    ready_.register_fd(loop_, fd_, task);
  }
  IoResult establish() override;
  IoResult read(Buffer& into, std::size_t max) override;
  IoResult write(Buffer& from) override;
  IoResult write_last(Buffer& from) override {
    send_flags_ = MSG_NOSIGNAL | MSG_MORE;
    const IoResult result = write(from);
    send_flags_ = MSG_NOSIGNAL;
    return result;
  }
  bool readable() const override {
    if (end_.state != IoState::done) return !end_reported_;
    return established_ && (more_ || ready_.readable || (read_wants_write_ && ready_.writable));
  }
  bool peer_closed() const override { return end_.state != IoState::done || ready_.peer_closed(); }
  bool look_again() override { return end_.state == IoState::done && ready_.look_again(); }
  void shutdown_write() override;
  void reset_on_close() override {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  const PeerInfo& peer() const override { return peer_; }
  std::string failure() const override { return failure_; }
  int fd() const override { return fd_; }

 private:
  static const BIO_METHOD* bio_method();
  static TlsTransport& of(BIO* bio) { return *static_cast<TlsTransport*>(BIO_get_data(bio)); }
  static int bio_read(BIO* bio, char* into, std::size_t length, std::size_t* got);
  static int bio_write(BIO* bio, const char* from, std::size_t length, std::size_t* taken);
  static long bio_control(BIO* bio, int command, long number, void* pointer);
  template <typename Call>
  int call(Call once);
  IoResult outcome(int code, std::size_t bytes);
  IoResult end(IoState state, int error, const char* text);
  void learn_peer();
  bool write_possible() const { return write_wants_read_ ? ready_.readable : ready_.writable; }

  EventLoop& loop_;
  int fd_;
  std::shared_ptr<TlsContext> context_;
  SSL* ssl_ = nullptr;
  mutable Readiness ready_;
  PeerInfo peer_;
  IoResult end_{IoState::done, 0, 0};  // eof or failure, once it happened
  const char* failure_ = "";
  bool registered_ = false;
  bool established_ = false;
  bool end_reported_ = false;
  int send_flags_ = MSG_NOSIGNAL;
  bool ended_ = false;             // FIN was read
  bool broken_ = false;            // no SSL call is allowed any more
  bool more_ = false;              // SSL_read may give bytes without the socket
  bool read_wants_write_ = false;
  bool write_wants_read_ = false;
  bool write_pending_ = false;     // a record is half sent
};

const BIO_METHOD* TlsTransport::bio_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket with readiness");
    CHECK(made);
    BIO_meth_set_read_ex(made, &TlsTransport::bio_read);
    BIO_meth_set_write_ex(made, &TlsTransport::bio_write);
    BIO_meth_set_ctrl(made, &TlsTransport::bio_control);
    return made;
  }();
  return method;
}

int TlsTransport::bio_read(BIO* bio, char* into, std::size_t length, std::size_t* got) {
  TlsTransport& self = of(bio);
  BIO_clear_retry_flags(bio);
  ssize_t n = -1;
  if (self.ready_.readable) {
    do n = ::recv(self.fd_, into, length, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN) self.ready_.note_nothing();
  } else {
    errno = EAGAIN;
  }
  if (n > 0) {
    *got = static_cast<std::size_t>(n);
    self.ready_.note_bytes(*got < length);
    return 1;
  }
  if (n == 0) self.ended_ = true;
  else if (errno == EAGAIN) BIO_set_retry_read(bio);
  return 0;
}

int TlsTransport::bio_write(BIO* bio, const char* from, std::size_t length, std::size_t* taken) {
  TlsTransport& self = of(bio);
  BIO_clear_retry_flags(bio);
  ssize_t n = -1;
  if (self.ready_.writable) {
    do n = ::send(self.fd_, from, length, self.send_flags_);
    while (n < 0 && errno == EINTR);
    if (n < 0 ? errno == EAGAIN : static_cast<std::size_t>(n) < length) self.ready_.await_room();
  } else {
    errno = EAGAIN;
  }
  if (n >= 0) {
    *taken = static_cast<std::size_t>(n);
    return 1;
  }
  if (errno == EAGAIN) BIO_set_retry_write(bio);
  return 0;
}

long TlsTransport::bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return of(bio).ended_ ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

IoResult TlsTransport::end(IoState state, int error, const char* text) {
  end_ = {state, 0, error};
  failure_ = text;
  if (state == IoState::failed) broken_ = true;
  return end_;
}

// An SSL call with nothing left of earlier ones, as SSL_get_error() wants it.
template <typename Call>
int TlsTransport::call(Call once) {
  if (ERR_peek_error() != 0) ERR_clear_error();
  errno = 0;
  return once();
}

// What an SSL call that did not succeed means. `bytes` were moved before.
IoResult TlsTransport::outcome(int code, std::size_t bytes) {
  const int system = errno;
  switch (SSL_get_error(ssl_, code)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return {IoState::blocked, bytes, 0};
    case SSL_ERROR_ZERO_RETURN: return end(IoState::eof, 0, "");
    case SSL_ERROR_SYSCALL: return end(IoState::failed, system, system ? "" : "the connection ended inside TLS");
    default: {
      const char* text = ERR_reason_error_string(ERR_peek_error());
      ERR_clear_error();
      return end(IoState::failed, 0, text ? text : "TLS error");
    }
  }
}

IoResult TlsTransport::establish() {
  if (established_) return {IoState::done, 0, 0};
  if (end_.state != IoState::done) return end_;
  if (ready_.lost) return end(IoState::failed, ENOMEM, "");
  const int code = call([this] { return SSL_do_handshake(ssl_); });
  if (code != 1) {
    IoResult result = outcome(code, 0);
    if (result.state == IoState::eof) result = end(IoState::failed, 0, "the client closed during the handshake");
    return result;
  }
  established_ = true;
  more_ = SSL_has_pending(ssl_) == 1;  // the first request may have come with the last flight
  learn_peer();
  return {IoState::done, 0, 0};
}

void TlsTransport::learn_peer() {
  peer_.tls_version = SSL_get_version(ssl_);
  peer_.tls_cipher = SSL_get_cipher_name(ssl_);
  if (const char* name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name)) peer_.server_name = base::to_lower(name);
  if (peer_.server_name.ends_with('.')) peer_.server_name.pop_back();
  const unsigned char* alpn = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(ssl_, &alpn, &length);
  if (length > 0) peer_.alpn = {reinterpret_cast<const char*>(alpn), length};
  peer_.tls_resumed = SSL_session_reused(ssl_) == 1;
}

IoResult TlsTransport::read(Buffer& into, std::size_t max) {
  if (end_.state != IoState::done) {
    end_reported_ = true;
    return end_;
  }
  if (max == 0 || !readable()) return {IoState::blocked, 0, 0};
  const std::size_t limit = std::min(max, read_budget);
  std::size_t total = 0;
  do {
    std::span<char> room = into.reserve_to_receive(std::min<std::size_t>(limit - total, 4096), std::min(limit - total, block_size));
    if (room.empty()) {
      if (total > 0) break;  // the next call sees whether there is memory again
      end_reported_ = true;
      return end(IoState::failed, ENOMEM, "");
    }
    room = room.first(std::min(room.size(), limit - total));
    std::size_t n = 0;
    const int code = call([&] { return SSL_read_ex(ssl_, room.data(), room.size(), &n); });
    into.commit(code == 1 ? n : 0);
    if (code != 1) {
      more_ = false;
      read_wants_write_ = SSL_want_write(ssl_);
      const IoResult result = outcome(code, total);
      if (total > 0) break;  // the end is told by the next call
      end_reported_ = result.state != IoState::blocked;
      return result;
    }
    total += n;
    read_wants_write_ = false;
    more_ = ready_.readable || SSL_has_pending(ssl_) == 1;
  } while (more_ && total < limit);
  return {IoState::done, total, 0};
}

IoResult TlsTransport::write(Buffer& from) {
  if (broken_) return {IoState::failed, 0, end_.error};
  std::size_t total = 0;
  char gathered[record_size];
  while (!from.empty()) {
    if (!write_possible()) return {IoState::blocked, total, 0};
    if (total >= write_budget) break;
    // One record: what lies in one piece is sent from there, smaller pieces (head and body) are gathered.
    std::string_view chunk = from.front().substr(0, record_size);
    if (chunk.size() < std::min(record_size, from.size())) {
      int error = 0;
      const std::size_t n = from.peek(gathered, error);
      if (n < std::min(record_size, from.size())) {
        IoResult failed = end(IoState::failed, error, "the file became shorter while it was sent");
        failed.bytes = total;
        return failed;
      }
      chunk = {gathered, n};
    }
    std::size_t n = 0;
    const int code = call([&] { return SSL_write_ex(ssl_, chunk.data(), chunk.size(), &n); });
    write_wants_read_ = code != 1 && SSL_want_read(ssl_);
    write_pending_ = code != 1;
    if (code != 1) {
      IoResult result = outcome(code, total);
      if (result.state == IoState::eof) result = {IoState::failed, total, EPIPE};
      result.bytes = total;
      return result;
    }
    from.consume(n);
    total += n;
  }
  return {IoState::done, total, 0};
}

void TlsTransport::shutdown_write() {
  if (established_ && !broken_ && !write_pending_) {
    ERR_clear_error();
    send_flags_ = MSG_NOSIGNAL | MSG_MORE;  // the FIN follows
    SSL_shutdown(ssl_);
    ERR_clear_error();
  }
  ::shutdown(fd_, SHUT_WR);
}

}  // namespace

std::unique_ptr<Transport> make_tls_transport(EventLoop& loop, int fd, const Address& remote, const Address& local,
                                              std::shared_ptr<TlsContext> context) {
  return std::make_unique<TlsTransport>(loop, fd, remote, local, std::move(context));
}

}  // namespace net
