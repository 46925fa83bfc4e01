// SPDX-License-Identifier: BSD-2-Clause
// Preloaded beside a daemon: counts its heap allocations in a file that the test maps (ALLOCATIONS=FILE), three 64-bit numbers:
// allocations so far, bytes asked for, and what the test sets to 1 to have call sites noted from then on. They are written to
// FILE.sites at exit: a line a site, count and return addresses as offsets into the objects they lie in.
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
}

namespace {

constexpr int depth = 14, first_frame = 2;  // count() and the interposed function itself say nothing
constexpr std::size_t most_sites = 1024;

struct Shared {
  std::atomic<std::uint64_t> count, bytes, note;
};
struct Site {
  std::uint64_t count;
  int frames;
  void* at[depth];
};

Shared nowhere{};
std::atomic<Shared*> shared{&nowhere};
Site sites[most_sites];
std::mutex sites_mutex;
thread_local bool noting = false;

void note_site() {
  if (noting) return;  // backtrace() allocates at its first call
  noting = true;
  void* at[depth];
  const int frames = backtrace(at, depth);
  {
    std::lock_guard lock(sites_mutex);
    for (Site& site : sites) {
      if (site.count == 0) {
        site.frames = frames;
        std::memcpy(site.at, at, sizeof at);
      } else if (site.frames != frames || std::memcmp(site.at, at, static_cast<std::size_t>(frames) * sizeof *at) != 0) {
        continue;
      }
      ++site.count;
      break;
    }
  }
  noting = false;
}

void count(std::size_t size) {
  Shared* s = shared.load(std::memory_order_relaxed);
  s->count.fetch_add(1, std::memory_order_relaxed);
  s->bytes.fetch_add(size, std::memory_order_relaxed);
  if (s->note.load(std::memory_order_relaxed) == 1) note_site();
}

struct Library {
  Library() {
    const char* path = std::getenv("ALLOCATIONS");
    const int fd = path ? ::open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void* map = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    if (map != MAP_FAILED) shared = static_cast<Shared*>(map);
  }
  ~Library() {
    const char* path = std::getenv("ALLOCATIONS");
    if (shared == &nowhere || shared.load()->note.exchange(0) == 0) return;
    std::FILE* out = std::fopen((std::string(path) + ".sites").c_str(), "w");
    for (const Site& site : sites) {
      if (!out || site.count == 0) break;
      std::fprintf(out, "%llu", static_cast<unsigned long long>(site.count));
      for (int i = first_frame; i < site.frames; ++i) {
        Dl_info object{};
        if (!dladdr(site.at[i], &object)) continue;
        // A return address is one too far.
        std::fprintf(out, " %s+0x%tx", object.dli_fname, static_cast<char*>(site.at[i]) - static_cast<char*>(object.dli_fbase) - 1);
      }
      std::fputc('\n', out);
    }
    if (out) std::fclose(out);
  }
} library;

}  // namespace

extern "C" {

void* malloc(std::size_t size) {
  count(size);
  return __libc_malloc(size);
}

void* calloc(std::size_t number, std::size_t size) {
  count(number * size);
  return __libc_calloc(number, size);
}

void* realloc(void* old, std::size_t size) {
  count(size);
  return __libc_realloc(old, size);
}

void* memalign(std::size_t alignment, std::size_t size) {
  count(size);
  return __libc_memalign(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) { return memalign(alignment, size); }

int posix_memalign(void** out, std::size_t alignment, std::size_t size) {
  *out = memalign(alignment, size);
  return *out ? 0 : ENOMEM;
}
}
