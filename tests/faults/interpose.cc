// SPDX-License-Identifier: BSD-2-Clause
// Preloaded into a daemon (LD_PRELOAD), it stands between the daemon and the C library and fails the n-th call of a kind, when it is armed
// (control.h, the file named by TRIVET_FAULTS). Any thread.
//
// A sanitizer's own interceptors come first and call the next definition, which is this one. Only what the kernel could do is done: a call
// that is cut short or says "later" although there is more tells epoll to report that descriptor again, because edge-triggered readers rely
// on a full report after EAGAIN; eventfds and signalfds never fail.
#include "control.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace faults {
namespace {

// A range of addresses that one object is loaded to.
struct Range {
  std::uintptr_t from = 0, to = 0;
  bool holds(const void* at) const {
    const auto address = reinterpret_cast<std::uintptr_t>(at);
    return address >= from && address < to;
  }
};

// How a descriptor was registered last, for arm_again().
struct Registered {
  std::atomic<int> epoll{-1};
  epoll_event event{};
};

constexpr int descriptors = 4096;

Control* control = nullptr;
Range executable;
std::array<Range, 2> openssl;
Range nghttp2;
std::array<Registered, descriptors> registered;
constinit thread_local bool busy = false;  // backtrace() may call what is interposed

template <typename Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

int note_object(dl_phdr_info* info, std::size_t, void*) {
  Range range{UINTPTR_MAX, 0};
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD) continue;
    range.from = std::min<std::uintptr_t>(range.from, info->dlpi_addr + header.p_vaddr);
    range.to = std::max<std::uintptr_t>(range.to, info->dlpi_addr + header.p_vaddr + header.p_memsz);
  }
  const std::string_view name = info->dlpi_name ? info->dlpi_name : "";
  if (name.empty() && executable.to == 0) executable = range;
  if (name.find("/libssl.so") != name.npos) openssl[0] = range;
  if (name.find("/libcrypto.so") != name.npos) openssl[1] = range;
  if (name.find("/libnghttp2.so") != name.npos) nghttp2 = range;
  return 0;
}

[[gnu::constructor]] void load() {
  const char* path = std::getenv("TRIVET_FAULTS");
  if (!path) return;
  const int fd = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC));
  if (fd < 0) return;
  auto* memory = reinterpret_cast<void*>(::syscall(SYS_mmap, nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  ::syscall(SYS_close, fd);
  if (memory == MAP_FAILED) return;
  ::dl_iterate_phdr(&note_object, nullptr);
  void* frames[1];
  ::backtrace(frames, 1);  // loads the unwinder now
  control = static_cast<Control*>(memory);
  ++control->loaded;
}

void say_where(int fd) {
  control->descriptor = static_cast<std::uint64_t>(fd);
  ::prctl(PR_GET_NAME, control->thread);
  void* frames[24];
  const int depth = ::backtrace(frames, 24);
  for (int i = 0; i < depth; ++i)
    control->frames[i] = reinterpret_cast<std::uintptr_t>(frames[i]) - (executable.holds(frames[i]) ? executable.from : 0);
  control->depth = static_cast<std::uint64_t>(depth);
}

// Counts a call; true if it is one of those that fail.
bool hit(Kind kind, int fd = -1) {
  if (!control || control->armed.load(std::memory_order_acquire) != static_cast<std::uint64_t>(kind) || busy) return false;
  const std::uint64_t call = ++control->calls;
  if (call < control->nth || call >= control->nth + control->count) return false;
  busy = true;
  say_where(fd);
  busy = false;
  ++control->failed;
  return true;
}

bool shortens() { return static_cast<Action>(control->action.load()) == Action::shorten; }

void arm_again(int fd) {
  if (fd < 0 || fd >= descriptors) return;
  Registered& at = registered[static_cast<std::size_t>(fd)];
  if (const int epoll = at.epoll.load(); epoll >= 0) ::syscall(SYS_epoll_ctl, epoll, EPOLL_CTL_MOD, fd, &at.event);
}

int fail(int fd = -1) {
  const auto error = static_cast<int>(control->error.load());
  if (error == EAGAIN) arm_again(fd);
  // Who is told that the connection is gone finds it gone ever after, as does the peer.
  if (fd >= 0 && (error == ECONNRESET || error == EPIPE)) ::syscall(SYS_shutdown, fd, SHUT_RDWR);
  errno = error;
  return -1;
}

// What reading or writing this descriptor is; none: never to fail.
Kind kind_of(int fd, Kind on_socket, Kind on_file) {
  if (!control || control->armed.load(std::memory_order_relaxed) == 0) return Kind::none;
  struct stat info {};
  if (::syscall(SYS_fstat, fd, &info) != 0) return Kind::none;
  if (S_ISSOCK(info.st_mode)) return on_socket;
  return S_ISREG(info.st_mode) || S_ISFIFO(info.st_mode) ? on_file : Kind::none;
}

enum class Outcome { usual, failed, shortened };

Outcome on_transfer(int fd, Kind on_socket, Kind on_file) {
  const Kind kind = kind_of(fd, on_socket, on_file);
  if (kind == Kind::none || !hit(kind, fd)) return Outcome::usual;
  return shortens() ? Outcome::shortened : Outcome::failed;
}
Outcome on_read(int fd) { return on_transfer(fd, Kind::read, Kind::read_file); }
Outcome on_write(int fd) { return on_transfer(fd, Kind::write, Kind::write_file); }

// One byte of the first vector that has any.
iovec first_byte(const iovec* vectors, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    if (vectors[i].iov_len > 0) return {vectors[i].iov_base, 1};
  return {nullptr, 0};
}

// Runs the call with one byte only, then lets epoll report what is left.
template <typename Call>
ssize_t one_byte(int fd, Call call) {
  const ssize_t n = call();
  const int error = errno;
  arm_again(fd);
  errno = error;
  return n;
}

// Below this nothing is sized by a peer: the smallest block of a buffer.
constexpr std::size_t peer_sized = 4096;

bool allocations_armed() { return control && control->armed.load(std::memory_order_relaxed) >= static_cast<std::uint64_t>(Kind::allocate); }

bool fails_allocation(const void* caller, const void* callers_caller, std::size_t size) {
  // nghttp2 allocates by functions of the session.
  if (executable.holds(caller) && nghttp2.holds(callers_caller)) return hit(Kind::nghttp2);
  if (executable.holds(caller)) return size >= peer_sized && hit(Kind::allocate);
  if (openssl[0].holds(caller) || openssl[1].holds(caller)) return hit(Kind::openssl);
  return nghttp2.holds(caller) && hit(Kind::nghttp2);
}

}  // namespace
}  // namespace faults

using faults::Kind;
using faults::Outcome;

extern "C" {

int socket(int domain, int type, int protocol) {
  if (faults::hit(Kind::socket)) return faults::fail();
  static const auto real = faults::next<decltype(&::socket)>("socket");
  return real(domain, type, protocol);
}

int connect(int fd, const sockaddr* address, socklen_t length) {
  if (faults::hit(Kind::connect, fd)) return faults::fail();
  static const auto real = faults::next<decltype(&::connect)>("connect");
  return real(fd, address, length);
}

// A connection that came to nothing says so here.
int getsockopt(int fd, int level, int name, void* value, socklen_t* length) {
  static const auto real = faults::next<decltype(&::getsockopt)>("getsockopt");
  const int outcome = real(fd, level, name, value, length);
  if (outcome == 0 && level == SOL_SOCKET && name == SO_ERROR && faults::hit(Kind::connected, fd)) {
    const auto error = static_cast<int>(faults::control->error.load());
    std::memcpy(value, &error, sizeof error);
  }
  return outcome;
}

int accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  if (faults::hit(Kind::accept, fd)) {
    faults::fail(fd);
    if (errno == ECONNABORTED) {  // that connection is gone, too
      const long gone = ::syscall(SYS_accept4, fd, nullptr, nullptr, SOCK_CLOEXEC);
      if (gone >= 0) ::syscall(SYS_close, gone);
      errno = gone >= 0 ? ECONNABORTED : EAGAIN;
    }
    return -1;
  }
  static const auto real = faults::next<decltype(&::accept4)>("accept4");
  return real(fd, address, length, flags);
}

ssize_t recv(int fd, void* into, std::size_t size, int flags) {
  static const auto real = faults::next<decltype(&::recv)>("recv");
  switch (faults::on_read(fd)) {
    case Outcome::failed: return faults::fail(fd);
    case Outcome::shortened: return faults::one_byte(fd, [&] { return real(fd, into, std::min<std::size_t>(size, 1), flags); });
    default: return real(fd, into, size, flags);
  }
}

ssize_t read(int fd, void* into, std::size_t size) {
  static const auto real = faults::next<decltype(&::read)>("read");
  switch (faults::on_read(fd)) {
    case Outcome::failed: return faults::fail(fd);
    case Outcome::shortened: return faults::one_byte(fd, [&] { return real(fd, into, std::min<std::size_t>(size, 1)); });
    default: return real(fd, into, size);
  }
}

ssize_t readv(int fd, const iovec* vectors, int count) {
  static const auto real = faults::next<decltype(&::readv)>("readv");
  const iovec one = faults::first_byte(vectors, static_cast<std::size_t>(count));
  switch (faults::on_read(fd)) {
    case Outcome::failed: return faults::fail(fd);
    case Outcome::shortened: return faults::one_byte(fd, [&] { return real(fd, &one, 1); });
    default: return real(fd, vectors, count);
  }
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
  static const auto real = faults::next<decltype(&::recvmsg)>("recvmsg");
  return faults::on_read(fd) == Outcome::failed ? faults::fail(fd) : real(fd, message, flags);
}

ssize_t pread(int fd, void* into, std::size_t size, off_t offset) {
  static const auto real = faults::next<decltype(&::pread)>("pread");
  switch (faults::on_read(fd)) {
    case Outcome::failed: return faults::fail();
    case Outcome::shortened: return real(fd, into, std::min<std::size_t>(size, 1), offset);
    default: return real(fd, into, size, offset);
  }
}

ssize_t preadv2(int fd, const iovec* vectors, int count, off_t offset, int flags) {
  static const auto real = faults::next<decltype(&::preadv2)>("preadv2");
  const iovec one = faults::first_byte(vectors, static_cast<std::size_t>(count));
  switch (faults::on_read(fd)) {
    case Outcome::failed: return faults::fail();
    case Outcome::shortened: return real(fd, &one, 1, offset, flags);
    default: return real(fd, vectors, count, offset, flags);
  }
}

ssize_t send(int fd, const void* from, std::size_t size, int flags) {
  static const auto real = faults::next<decltype(&::send)>("send");
  switch (faults::on_write(fd)) {
    case Outcome::failed: return faults::fail(fd);
    case Outcome::shortened: return faults::one_byte(fd, [&] { return real(fd, from, std::min<std::size_t>(size, 1), flags); });
    default: return real(fd, from, size, flags);
  }
}

ssize_t write(int fd, const void* from, std::size_t size) {
  static const auto real = faults::next<decltype(&::write)>("write");
  switch (faults::on_write(fd)) {
    case Outcome::failed: return faults::fail(fd);
    case Outcome::shortened: return faults::one_byte(fd, [&] { return real(fd, from, std::min<std::size_t>(size, 1)); });
    default: return real(fd, from, size);
  }
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  static const auto real = faults::next<decltype(&::sendmsg)>("sendmsg");
  const Outcome outcome = faults::on_write(fd);
  if (outcome == Outcome::failed) return faults::fail(fd);
  if (outcome == Outcome::usual || message->msg_controllen > 0) return real(fd, message, flags);
  iovec one = faults::first_byte(message->msg_iov, message->msg_iovlen);
  msghdr less = *message;
  less.msg_iov = &one;
  less.msg_iovlen = 1;
  return faults::one_byte(fd, [&] { return real(fd, &less, flags); });
}

ssize_t sendfile(int out, int in, off_t* offset, std::size_t size) {
  static const auto real = faults::next<decltype(&::sendfile)>("sendfile");
  if (!faults::hit(Kind::sendfile, out)) return real(out, in, offset, size);
  if (!faults::shortens()) return faults::fail(out);
  return faults::one_byte(out, [&] { return real(out, in, offset, std::min<std::size_t>(size, 1)); });
}

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (faults::hit(Kind::open)) return faults::fail();
  static const auto real = faults::next<decltype(&::open)>("open");
  return real(path, flags, mode);
}

int openat(int directory, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (faults::hit(Kind::open)) return faults::fail();
  static const auto real = faults::next<decltype(&::openat)>("openat");
  return real(directory, path, flags, mode);
}

FILE* fopen(const char* path, const char* mode) {
  if (faults::hit(Kind::open)) {
    faults::fail();
    return nullptr;
  }
  static const auto real = faults::next<decltype(&::fopen)>("fopen");
  return real(path, mode);
}

// openat2 has no function of its own.
long syscall(long number, ...) {
  va_list rest;
  va_start(rest, number);
  std::array<long, 6> words{};
  for (long& word : words) word = va_arg(rest, long);
  va_end(rest);
  if (number == SYS_openat2 && faults::hit(Kind::open)) return faults::fail();
  static const auto real = faults::next<decltype(&::syscall)>("syscall");
  return real(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

int fstat(int fd, struct stat* into) {
  if (faults::hit(Kind::stat, fd)) return faults::fail();
  static const auto real = faults::next<decltype(&::fstat)>("fstat");
  return real(fd, into);
}

int stat(const char* path, struct stat* into) {
  if (faults::hit(Kind::stat)) return faults::fail();
  static const auto real = faults::next<int (*)(const char*, struct stat*)>("stat");
  return real(path, into);
}

int lstat(const char* path, struct stat* into) {
  if (faults::hit(Kind::stat)) return faults::fail();
  static const auto real = faults::next<decltype(&::lstat)>("lstat");
  return real(path, into);
}

int fstatat(int directory, const char* path, struct stat* into, int flags) {
  if (faults::hit(Kind::stat)) return faults::fail();
  static const auto real = faults::next<decltype(&::fstatat)>("fstatat");
  return real(directory, path, into, flags);
}

int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) {
  static const auto real = faults::next<decltype(&::epoll_ctl)>("epoll_ctl");
  // Removing needs no memory and cannot fail.
  if (operation != EPOLL_CTL_DEL && faults::hit(Kind::epoll_ctl, fd)) return faults::fail();
  if (fd >= 0 && fd < faults::descriptors) {
    faults::Registered& at = faults::registered[static_cast<std::size_t>(fd)];
    at.epoll = -1;
    if (operation != EPOLL_CTL_DEL) {
      at.event = *event;
      at.epoll = epoll;
    }
  }
  return real(epoll, operation, fd, event);
}

void* mmap(void* address, std::size_t length, int protection, int flags, int fd, off_t offset) {
  if (faults::executable.holds(__builtin_return_address(0)) && faults::hit(Kind::mmap)) {
    faults::fail();
    return MAP_FAILED;
  }
  static const auto real = faults::next<decltype(&::mmap)>("mmap");
  return real(address, length, protection, flags, fd, offset);
}

// The frame above is only looked at where something is armed: not every library keeps frame pointers.
#define FAILS(size) (faults::allocations_armed() && faults::fails_allocation(__builtin_return_address(0), \
                     faults::executable.holds(__builtin_return_address(0)) ? __builtin_return_address(1) : nullptr, size))

// Only direct calls from the executable or a library that works for it: `operator new` is libstdc++'s and ends the process when it fails.
void* malloc(std::size_t size) {
  static const auto real = faults::next<void* (*)(std::size_t)>("malloc");
  if (!FAILS(size)) return real(size);
  errno = ENOMEM;
  return nullptr;
}

void* calloc(std::size_t count, std::size_t size) {
  static const auto real = faults::next<void* (*)(std::size_t, std::size_t)>("calloc");
  if (!FAILS(count * size)) return real(count, size);
  errno = ENOMEM;
  return nullptr;
}

void* realloc(void* memory, std::size_t size) {
  static const auto real = faults::next<void* (*)(void*, std::size_t)>("realloc");
  if (!FAILS(size)) return real(memory, size);
  errno = ENOMEM;
  return nullptr;
}

// For builds whose sanitizer has the allocator: base/stock.cc asks.
bool trivet_fails_allocation(std::size_t size) { return size >= faults::peer_sized && faults::hit(Kind::allocate); }

}  // extern "C"
