// SPDX-License-Identifier: BSD-2-Clause
// Preloaded beside a daemon: notes every system call that moves bytes, opens, waits or may block while the calling thread holds a
// mutex that the daemon's own code locked (those of libraries are their own affair). LOCKED_CALLS=FILE gets a line for each place that
// was found: the call, and return addresses as offsets into the objects they lie in. A condition variable's own mutex is released
// while it waits, so only a second one counts there. eventfd writes (doorbells) never block; they count like all others.
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr int depth = 16;
constexpr int most_held = 16;
constexpr std::size_t most_places = 256;

struct Held {
  pthread_mutex_t* mutexes[most_held];
  int count = 0;
};
thread_local Held held;
thread_local bool noting = false;
std::atomic<std::size_t> places{0};

template <class F>
F next(const char* name) {
  return reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}

// The daemon's own code lies in the program, not in a shared object.
bool is_daemon(const void* code) {
  static const void* const program = [] {
    Dl_info info{};
    return dladdr(reinterpret_cast<const void*>(getauxval(AT_ENTRY)), &info) ? info.dli_fbase : nullptr;
  }();
  Dl_info info{};
  return dladdr(code, &info) && info.dli_fbase == program;
}

// Opened before the daemon gives up its rights, out of the way of what it counts or closes.
struct Report {
  Report() {
    const char* path = std::getenv("LOCKED_CALLS");
    const int opened = path ? ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    if (opened < 0) return;
    fd = ::fcntl(opened, F_DUPFD_CLOEXEC, 900);
    ::close(opened);
  }
  int fd = -1;
} report;

void note(const char* call, int allowed) {
  if (held.count <= allowed || noting) return;
  noting = true;
  void* at[depth];
  const int frames = backtrace(at, depth);
  if (report.fd >= 0 && places.fetch_add(1) < most_places) {
    char line[4096];
    int size = std::snprintf(line, sizeof line, "%s", call);
    for (int i = 2; i < frames; ++i) {
      Dl_info object{};
      if (!dladdr(at[i], &object)) continue;
      size += std::snprintf(line + size, sizeof line - static_cast<std::size_t>(size), " %s+0x%tx", object.dli_fname,
                            static_cast<char*>(at[i]) - static_cast<char*>(object.dli_fbase) - 1);
    }
    dprintf(report.fd, "%s\n", line);
  }
  noting = false;
}

void took(pthread_mutex_t* mutex, const void* caller) {
  if (noting || held.count == most_held || !is_daemon(caller)) return;
  held.mutexes[held.count++] = mutex;
}

void gave(pthread_mutex_t* mutex) {
  for (int i = held.count; i-- > 0;) {
    if (held.mutexes[i] != mutex) continue;
    held.mutexes[i] = held.mutexes[--held.count];
    return;
  }
}

}  // namespace

// NAME(parameters)(arguments), for calls that say the same with a lock as without.
#define WATCHED(RETURNS, NAME, PARAMETERS, ARGUMENTS)            \
  RETURNS NAME PARAMETERS {                                      \
    static const auto real = next<RETURNS(*) PARAMETERS>(#NAME); \
    note(#NAME, 0);                                              \
    return real ARGUMENTS;                                       \
  }

extern "C" {

int pthread_mutex_lock(pthread_mutex_t* mutex) {
  static const auto real = next<int (*)(pthread_mutex_t*)>("pthread_mutex_lock");
  const int result = real(mutex);
  if (result == 0) took(mutex, __builtin_return_address(0));
  return result;
}

int pthread_mutex_trylock(pthread_mutex_t* mutex) {
  static const auto real = next<int (*)(pthread_mutex_t*)>("pthread_mutex_trylock");
  const int result = real(mutex);
  if (result == 0) took(mutex, __builtin_return_address(0));
  return result;
}

int pthread_mutex_unlock(pthread_mutex_t* mutex) {
  static const auto real = next<int (*)(pthread_mutex_t*)>("pthread_mutex_unlock");
  gave(mutex);
  return real(mutex);
}

int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  static const auto real = next<int (*)(pthread_cond_t*, pthread_mutex_t*)>("pthread_cond_wait");
  note("pthread_cond_wait", 1);
  return real(condition, mutex);
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock, const timespec* until) {
  static const auto real = next<int (*)(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*)>("pthread_cond_clockwait");
  note("pthread_cond_clockwait", 1);
  return real(condition, mutex, clock, until);
}

int open(const char* path, int flags, ...) {
  static const auto real = next<int (*)(const char*, int, ...)>("open");
  std::va_list more;
  va_start(more, flags);
  const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
  va_end(more);
  note("open", 0);
  return real(path, flags, mode);
}

WATCHED(ssize_t, read, (int fd, void* to, std::size_t size), (fd, to, size))
WATCHED(ssize_t, write, (int fd, const void* from, std::size_t size), (fd, from, size))
WATCHED(ssize_t, readv, (int fd, const iovec* parts, int count), (fd, parts, count))
WATCHED(ssize_t, writev, (int fd, const iovec* parts, int count), (fd, parts, count))
WATCHED(ssize_t, pread, (int fd, void* to, std::size_t size, off_t at), (fd, to, size, at))
WATCHED(ssize_t, recv, (int fd, void* to, std::size_t size, int flags), (fd, to, size, flags))
WATCHED(ssize_t, send, (int fd, const void* from, std::size_t size, int flags), (fd, from, size, flags))
WATCHED(ssize_t, recvmsg, (int fd, msghdr* message, int flags), (fd, message, flags))
WATCHED(ssize_t, sendmsg, (int fd, const msghdr* message, int flags), (fd, message, flags))
WATCHED(ssize_t, sendfile, (int to, int from, off_t* at, std::size_t size), (to, from, at, size))
WATCHED(int, accept4, (int fd, sockaddr* address, socklen_t* size, int flags), (fd, address, size, flags))
WATCHED(int, connect, (int fd, const sockaddr* address, socklen_t size), (fd, address, size))
WATCHED(int, epoll_wait, (int fd, epoll_event* events, int count, int timeout), (fd, events, count, timeout))
WATCHED(int, poll, (pollfd* fds, nfds_t count, int timeout), (fds, count, timeout))
WATCHED(int, nanosleep, (const timespec* time, timespec* left), (time, left))
WATCHED(int, clock_nanosleep, (clockid_t clock, int flags, const timespec* time, timespec* left), (clock, flags, time, left))
WATCHED(int, fsync, (int fd), (fd))
WATCHED(int, fdatasync, (int fd), (fd))
WATCHED(int, rename, (const char* from, const char* to), (from, to))
WATCHED(int, unlink, (const char* path), (path))
WATCHED(int, stat, (const char* path, struct stat* out), (path, out))
WATCHED(int, fstatat, (int fd, const char* path, struct stat* out, int flags), (fd, path, out, flags))
WATCHED(int, getaddrinfo, (const char* host, const char* service, const addrinfo* hints, addrinfo** out), (host, service, hints, out))
WATCHED(int, pthread_join, (pthread_t thread, void** result), (thread, result))
}
