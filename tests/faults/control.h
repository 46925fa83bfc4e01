// SPDX-License-Identifier: BSD-2-Clause
// What the sweep (sweep.py) and the interposer (interpose.cc) tell each other: a file that both map. Numbers of 64 bits, written by one
// side each but for `armed`, which the sweep sets and clears.
#pragma once

#include <atomic>
#include <cstdint>

namespace faults {

// Kinds of calls. Their order is that of KINDS in sweep.py.
enum class Kind : std::uint64_t {
  none, socket, connect, connected, accept, read, write, read_file, write_file, sendfile, open, stat, epoll_ctl, mmap, allocate, openssl, nghttp2,
};

enum class Action : std::uint64_t { error, shorten };

struct Control {
  std::atomic<std::uint64_t> armed;     // Kind; 0: nothing is counted and nothing fails
  std::atomic<std::uint64_t> nth;       // the first call that fails, from 1
  std::atomic<std::uint64_t> count;     // so many in a row
  std::atomic<std::uint64_t> action;
  std::atomic<std::uint64_t> error;     // errno
  // Written by the interposer.
  std::atomic<std::uint64_t> calls;     // of the armed kind, since it was armed
  std::atomic<std::uint64_t> failed;    // of these
  std::atomic<std::uint64_t> descriptor;
  std::atomic<std::uint64_t> depth;     // frames in `frames`
  char thread[16];                      // that made the call which failed last
  std::uint64_t frames[24];             // return addresses, relative to the executable's start where they lie in it
  std::atomic<std::uint64_t> loaded;    // processes that the interposer was loaded into
};

}  // namespace faults
