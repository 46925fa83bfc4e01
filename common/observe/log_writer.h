// SPDX-License-Identifier: BSD-2-Clause
// Logs that cost the serving thread a copy: each producer has a ring of whole lines, one writer thread empties them all and writes
// batches. A full ring drops the line and counts it; a full disk drops a batch and counts it; nothing ever waits for a log. A line that
// a full disk cut is ended before the next one is written, so that only that one is torn.
// Owner: the process. A LogRing is used by one producing thread; LogWriter's public functions by any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace observe {

class LogWriter;

// Number of a target within its writer.
using LogTarget = std::uint16_t;

// Severities of syslog (RFC 5424 6.2.1), used for syslog targets only.
inline constexpr std::uint8_t severity_info = 6;

class LogRing {
 public:
  static constexpr std::size_t longest_line = 32 * 1024;  // longer ones are cut

  // Copies `line` (without its end of line) in; false: dropped, the ring is full. Never blocks.
  bool write(LogTarget target, std::string_view line, std::uint8_t severity = severity_info);
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  friend class LogWriter;
  LogRing(LogWriter& writer, std::size_t capacity);
  void copy_in(std::size_t at, const char* from, std::size_t n);
  void copy_out(std::size_t at, char* to, std::size_t n) const;

  LogWriter& writer_;
  std::size_t capacity_;  // a power of two
  std::unique_ptr<char[]> bytes_;
  std::size_t known_tail_ = 0;            // producer's last look at tail_
  std::atomic<std::uint64_t> dropped_{0};
  alignas(64) std::atomic<std::size_t> head_{0};  // bytes ever written; producer
  alignas(64) std::atomic<std::size_t> tail_{0};  // bytes ever taken; writer thread
};

struct LogSpec {
  enum class Kind : std::uint8_t { file, standard_output, standard_error, syslog };
  Kind kind = Kind::file;
  std::string path;                // file, or syslog's datagram socket ("/dev/log")
  std::string tag;                 // syslog: program name
  std::uint8_t facility = 16;      // syslog: local0
  // "-" and "stdout", "stderr", "syslog:/dev/log", anything else is a file.
  static LogSpec parse(std::string_view text, std::string_view tag);
};

class LogWriter {
 public:
  static constexpr std::size_t default_ring = 512 * 1024;

  LogWriter();
  ~LogWriter();  // stop()
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // How files are opened, at first and again, if not by open(2): by somebody with more rights. Gives a descriptor to append to, or -1
  // and errno. Called on the thread that calls open(), and on the writer's. Set before start().
  using FileOpener = std::function<int(const std::string& path)>;
  void set_file_opener(FileOpener opener) { opener_ = std::move(opener); }

  // Opens a target; the same place gives the same number. Error: a sentence with the path and the system's reason. A syslog
  // daemon that is away is no error: it is tried again.
  std::expected<LogTarget, std::string> open(const LogSpec& spec);
  // A file that somebody else opened for appending; the descriptor belongs to the writer from now on, whatever becomes of the call.
  std::expected<LogTarget, std::string> open(const LogSpec& spec, int descriptor);
  // Nobody writes to the target any more: when what was logged before is written, its descriptor is closed and its number is free for
  // another. Does not wait. Opened again before that, it stays as it is.
  void close(LogTarget target);
  // A ring for one thread; belongs to the writer, lives as long.
  LogRing& add_ring(std::size_t capacity = default_ring);

  void start();
  // Writes what is left and ends the thread. Producers must be quiet by then, or their last lines are lost.
  void stop();
  // The writer thread closes and opens all files again, after what was logged before is written. Does not wait.
  void reopen();
  // Waits until everything logged before the call was written and a reopen asked for was done. Not for serving threads.
  void flush();
  // The same without waiting: `done` is called on the writer's thread, which it must not keep.
  void flush_then(std::function<void()> done);

  std::uint64_t dropped() const;                      // lines: rings were full
  std::uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }            // lines: writing failed
  std::uint64_t reopen_failures() const { return reopen_failures_.load(std::memory_order_relaxed); }
  std::uint64_t lines() const { return lines_.load(std::memory_order_relaxed); }

 private:
  friend class LogRing;
  struct Target {
    LogSpec spec;
    int fd = -1;
    bool regular = false;
    bool torn = false;           // the file ends inside a line
    bool closing = false;        // under the mutex
    std::string pending;
  };
  std::expected<LogTarget, std::string> add(const LogSpec& spec, std::unique_ptr<Target> target);
  std::expected<LogTarget, std::string> enter(std::unique_ptr<Target>&& target);  // takes it, or leaves it where it was
  Target* find(const LogSpec& spec, LogTarget& number);
  int open_file(const std::string& path) const;
  void close_those(const std::vector<LogTarget>& closing);
  bool is_open(LogTarget number) const;
  void wake();
  void serve();
  void round(bool reopening);
  void drain(LogRing& ring);
  void add_line(Target& target, std::uint8_t severity, std::size_t length, const LogRing& ring, std::size_t at);
  void write_pending(Target& target);
  void write_stream(Target& target);
  void send_syslog(Target& target, std::string_view datagram);
  void reopen_target(Target& target);

  mutable std::mutex mutex_;  // lists, flags; never held while writing
  std::condition_variable wake_;
  std::condition_variable done_;
  FileOpener opener_;
  std::vector<std::unique_ptr<Target>> targets_;  // by number, null: free; rows never move; their contents are the writer thread's
  std::vector<std::unique_ptr<LogRing>> rings_;
  std::vector<std::function<void()>> after_flush_;
  std::vector<Target*> seen_targets_;             // writer thread's copies of the lists
  std::vector<LogRing*> seen_rings_;
  bool stopping_ = false;
  bool reopen_ = false;
  std::uint64_t asked_ = 0;  // flushes asked for and done
  std::uint64_t served_ = 0;
  std::atomic<bool> awake_{false};
  std::atomic<std::uint64_t> lost_{0};
  std::atomic<std::uint64_t> lines_{0};
  std::atomic<std::uint64_t> reopen_failures_{0};
  std::string stamp_;                  // syslog's time of this round
  std::thread thread_;
};

}  // namespace observe
