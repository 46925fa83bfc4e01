// SPDX-License-Identifier: BSD-2-Clause
// Preloaded into a daemon: sets its wall clock apart from the system's by as many seconds as the file CLOCK_STEP begins with (a 64-bit
// number, mapped, so that a test changes it while the daemon runs). The monotonic clock is left alone.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace {

std::int64_t step() {
  static const std::atomic<std::int64_t>* shared = [] {
    const char* path = std::getenv("CLOCK_STEP");
    const int fd = path ? ::open(path, O_RDONLY | O_CLOEXEC) : -1;
    void* map = fd < 0 ? MAP_FAILED : ::mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, fd, 0);
    if (fd >= 0) ::close(fd);
    return map == MAP_FAILED ? nullptr : static_cast<const std::atomic<std::int64_t>*>(map);
  }();
  return shared ? shared->load(std::memory_order_relaxed) : 0;
}

template <class F>
F next(const char* name) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

bool is_wall(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* out) noexcept {
  static const auto real = next<int (*)(clockid_t, timespec*)>("clock_gettime");
  const int outcome = real(clock, out);
  if (outcome == 0 && is_wall(clock)) out->tv_sec += step();
  return outcome;
}

time_t time(time_t* out) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

int gettimeofday(timeval* out, void*) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  *out = {now.tv_sec, now.tv_nsec / 1000};
  return 0;
}
}
