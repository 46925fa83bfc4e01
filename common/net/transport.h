// SPDX-License-Identifier: BSD-2-Clause
// A byte stream under a connection: plain socket, TLS, or memory (tests, fuzzers). Owned by its connection; worker thread.
// Never calls back into its user beyond ringing the task it was given.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "net/address.h"
#include "net/buffer.h"
#include "net/event_loop.h"
#include "net/task.h"

namespace net {

enum class IoState : std::uint8_t {
  done,     // progress; more may be possible at once
  blocked,  // nothing (more) possible now; the task is rung when it is
  eof,      // read: the peer finished sending
  failed,   // reset, TLS error …: `error` says what
};
struct IoResult {
  IoState state = IoState::blocked;
  std::size_t bytes = 0;
  int error = 0;  // errno, 0 if the layer has none (see Transport::failure())
};

// What exchanges may know of the connection they came by. Immutable after the handshake.
struct PeerInfo {
  Address remote;
  Address local;
  bool tls = false;
  bool tls_resumed = false;
  std::string_view tls_version;  // "TLSv1.3"; this and the next: static text
  std::string_view tls_cipher;
  std::string_view alpn;         // "h2", "http/1.1" or empty; as long as the transport
  std::string server_name;       // SNI in lower case, empty if none
};

class Transport : public base::Recycled {
 public:
  virtual ~Transport() = default;
  // Rings `task` on readiness; may be called again to hand over to another task (idle pool, tunnel).
  virtual void attach(Task& task) = 0;
  // Connects or handshakes: done when established (immediately for accepted plain sockets). `blocked`: rung later.
  virtual IoResult establish() = 0;
  // Reads once (adaptive 16 to 64 KiB) into `into`, at most `max` bytes if possible to limit. A short read reports `done`
  // and clears readiness: the next call says `blocked` without a system call.
  virtual IoResult read(Buffer& into, std::size_t max) = 0;
  // Writes from the front as much as goes, consuming it: one send for head and body, file ranges by sendfile or pread.
  virtual IoResult write(Buffer& from) = 0;
  // As write(), for bytes behind which shutdown_write() follows at once: the kernel may keep the last segment for the FIN to go with it.
  virtual IoResult write_last(Buffer& from) { return write(from); }
  // True if read() could make progress (bytes or FIN waiting).
  virtual bool readable() const = 0;
  // The peer closed or reset, seen also while reading is paused (the bytes before it may be unread).
  virtual bool peer_closed() const = 0;
  // True once if a reset may have come together with bytes that were read: then it shows only to who reads again. For who is
  // about to wait for more; costs a system call, so not for who has all it wants.
  virtual bool look_again() { return false; }
  // FIN (TLS: close_notify first). Best effort, does not block.
  virtual void shutdown_write() = 0;
  // Makes close() send a reset instead of FIN: an answer that must not look complete.
  virtual void reset_on_close() = 0;
  virtual const PeerInfo& peer() const = 0;
  // What failed, for the log; empty if errno says it all.
  virtual std::string failure() const { return {}; }
  virtual int fd() const { return -1; }
};

// An accepted socket (non-blocking, owned by the transport from now on).
std::unique_ptr<Transport> make_plain_transport(EventLoop& loop, int fd, const Address& remote, const Address& local);
// Begins a non-blocking connect to `to`; establish() reports its outcome. Failing at once gives Error (side upstream, errno).
base::Result<std::unique_ptr<Transport>> connect_plain(EventLoop& loop, const Address& to);
// The Error of a connection that could not be made, by errno: refused, timed out, unroutable, no descriptors, other.
base::Error connect_error(int error);
// Whether this errno says that we lack descriptors, ports or memory, which tells nothing about the peer.
bool is_own_shortage(int error);
// Two ends of a pipe in memory on one loop; `capacity` bytes each way before write() blocks.
struct MemoryPair {
  std::unique_ptr<Transport> a, b;
};
MemoryPair make_memory_pair(EventLoop& loop, std::size_t capacity = 64 * 1024);

}  // namespace net
