// SPDX-License-Identifier: BSD-2-Clause
// The error log: leveled messages for people, as nginx writes them or as JSON lines. Rare by nature, so it takes a lock; what repeats
// is limited by key. Any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "observe/log_writer.h"

namespace observe {

// In syslog's order, with nginx's names.
enum class Level : std::uint8_t { emerg, alert, crit, error, warn, notice, info, debug };
std::string_view level_name(Level level);
std::optional<Level> parse_level(std::string_view name);

class ErrorLog {
 public:
  enum class Format : std::uint8_t { text, json };
  struct Options {
    Level level = Level::notice;  // this and more severe ones are written
    Format format = Format::text;
    std::uint32_t burst = 10;     // messages of one key within `window`; further ones are counted and told later
    std::chrono::seconds window{10};
    std::function<std::chrono::system_clock::time_point()> now;  // tests; empty: the system's
  };

  // Until attach() messages go to standard error at once.
  ErrorLog();
  explicit ErrorLog(Options options);
  ErrorLog(const ErrorLog&) = delete;
  ErrorLog& operator=(const ErrorLog&) = delete;
  // From now on through this writer; detach() before it goes.
  void attach(LogWriter& writer, LogTarget target);
  void detach();
  void set_level(Level level) { level_.store(level, std::memory_order_relaxed); }
  void set_format(Format format);

  bool enabled(Level level) const { return level <= level_.load(std::memory_order_relaxed); }
  // Control characters in `message` are escaped: what a peer sent cannot forge a line. `key`: what counts as the same message; empty:
  // the message itself.
  void write(Level level, std::string_view message, std::string_view key = {});
  std::uint64_t count(Level level) const { return counts_[static_cast<int>(level)].load(std::memory_order_relaxed); }
  std::uint64_t suppressed() const { return suppressed_.load(std::memory_order_relaxed); }

 private:
  struct Seen {
    std::chrono::system_clock::time_point since;
    std::uint32_t written = 0;
    std::uint32_t held_back = 0;
  };
  // False: hold it back. `before`: how many were held back in the window that ended.
  bool admit(std::string_view key, std::chrono::system_clock::time_point now, std::uint32_t& before);
  std::string render(Level level, std::string_view message, std::chrono::system_clock::time_point now) const;

  Options options_;
  std::atomic<Level> level_;
  std::atomic<std::uint64_t> counts_[8]{};
  std::atomic<std::uint64_t> suppressed_{0};
  std::mutex mutex_;
  std::unordered_map<std::string, Seen> seen_;
  LogRing* ring_ = nullptr;
  LogTarget target_ = 0;
};

}  // namespace observe
