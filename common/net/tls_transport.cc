// SPDX-License-Identifier: BSD-2-Clause
// OpenSSL over its own socket BIO. A callback on that BIO keeps the readiness bits honest: a short read or write is seen below
// SSL_read, so that no second system call is made to learn of EAGAIN, and none at all while a bit is clear.
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
    BIO* bio = ssl_ ? BIO_new_socket(fd, BIO_NOCLOSE) : nullptr;
    if (!bio) {
      ERR_clear_error();
      end(IoState::failed, ENOMEM, "");
      return;
    }
    BIO_set_callback_ex(bio, &TlsTransport::on_bio);
    BIO_set_callback_arg(bio, reinterpret_cast<char*>(this));
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
  bool readable() const override {
    if (end_.state != IoState::done) return !end_reported_;
    return established_ && (more_ || ready_.readable || (read_wants_write_ && ready_.writable));
  }
  bool peer_closed() const override { return end_.state != IoState::done || ready_.peer_closed(); }
  bool look_again() override { return end_.state == IoState::done && ready_.look_again(); }
  void shutdown_write() override {
    finish();
    ::shutdown(fd_, SHUT_WR);
  }
  void finish() override;
  void reset_on_close() override {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  const PeerInfo& peer() const override { return peer_; }
  std::string failure() const override { return failure_; }
  int fd() const override { return fd_; }

 private:
  static long on_bio(BIO* bio, int operation, const char* data, std::size_t length, int argi, long argl, int outcome, std::size_t* processed);
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
  bool broken_ = false;            // no SSL call is allowed any more
  bool more_ = false;              // SSL_read may give bytes without the socket
  bool read_wants_write_ = false;
  bool write_wants_read_ = false;
  bool write_pending_ = false;     // a record is half sent
};

long TlsTransport::on_bio(BIO* bio, int operation, const char*, std::size_t length, int, long, int outcome, std::size_t* processed) {
  Readiness& ready = reinterpret_cast<TlsTransport*>(BIO_get_callback_arg(bio))->ready_;
  switch (operation) {
    case BIO_CB_READ:
      if (ready.readable) return 1;
      BIO_clear_retry_flags(bio);
      BIO_set_retry_read(bio);
      return -1;
    case BIO_CB_WRITE:
      if (ready.writable) return 1;
      BIO_clear_retry_flags(bio);
      BIO_set_retry_write(bio);
      return -1;
    case BIO_CB_READ | BIO_CB_RETURN:
      if (outcome > 0 && processed) {
        ready.note_bytes(*processed < length);
      } else if (BIO_should_retry(bio) && errno != EINTR) {
        ready.note_nothing();
      }
      return outcome;
    case BIO_CB_WRITE | BIO_CB_RETURN:
      if (outcome > 0 && processed ? *processed < length : BIO_should_retry(bio) != 0 && errno != EINTR) ready.writable = false;
      return outcome;
    default: return operation & BIO_CB_RETURN ? outcome : 1;
  }
}

IoResult TlsTransport::end(IoState state, int error, const char* text) {
  end_ = {state, 0, error};
  failure_ = text;
  if (state == IoState::failed) broken_ = true;
  return end_;
}

// Again where a signal interrupted the system call below: OpenSSL takes that for "later", but no event would tell.
template <typename Call>
int TlsTransport::call(Call once) {
  int code = 0;
  do {
    ERR_clear_error();
    errno = 0;
    code = once();
  } while (code != 1 && errno == EINTR && ERR_peek_error() == 0 && (SSL_want_read(ssl_) || SSL_want_write(ssl_)));
  return code;
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

void TlsTransport::finish() {
  if (!established_ || broken_ || write_pending_) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

}  // namespace

std::unique_ptr<Transport> make_tls_transport(EventLoop& loop, int fd, const Address& remote, const Address& local,
                                              std::shared_ptr<TlsContext> context) {
  return std::make_unique<TlsTransport>(loop, fd, remote, local, std::move(context));
}

}  // namespace net
