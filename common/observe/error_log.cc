// SPDX-License-Identifier: BSD-2-Clause
#include "observe/error_log.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>

#include "base/bytes.h"

namespace observe {
namespace {

using Time = std::chrono::system_clock::time_point;

constexpr std::string_view names[] = {"emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"};
constexpr std::size_t most_keys = 1024;
constexpr std::size_t ring_size = 256 * 1024;

std::tm local(Time time) {
  const std::time_t t = std::chrono::system_clock::to_time_t(time);
  std::tm tm{};
  ::localtime_r(&t, &tm);
  return tm;
}

// Keeps UTF-8, so that names of files and people stay readable.
std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x20 || u == 0x7f)
      (out += "\\x") += base::to_hex({&c, 1});
    else
      out += c;
  }
  return out;
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') (out += '\\') += c;
    else if (u < 0x20 || u == 0x7f) (out += "\\u00") += base::to_hex({&c, 1});
    else out += c;
  }
  return out + '"';
}

std::string iso_time(Time time) {
  const std::tm tm = local(time);
  char day[32], zone[8], out[48];
  std::strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
  std::strftime(zone, sizeof zone, "%z", &tm);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count() % 1000;
  std::snprintf(out, sizeof out, "%s.%03d%.3s:%.2s", day, static_cast<int>(ms), zone, zone + 3);
  return out;
}

}  // namespace

std::string_view level_name(Level level) { return names[static_cast<int>(level)]; }

std::optional<Level> parse_level(std::string_view name) {
  for (int i = 0; i < 8; ++i)
    if (names[i] == name) return static_cast<Level>(i);
  return std::nullopt;
}

ErrorLog::ErrorLog() : ErrorLog(Options()) {}
ErrorLog::ErrorLog(Options options) : options_(std::move(options)), level_(options_.level) {}

void ErrorLog::attach(LogWriter& writer, LogTarget target) {
  std::lock_guard lock(mutex_);
  if (!ring_) ring_ = &writer.add_ring(ring_size);
  target_ = target;
}

void ErrorLog::detach() {
  std::lock_guard lock(mutex_);
  ring_ = nullptr;
}

void ErrorLog::set_format(Format format) {
  std::lock_guard lock(mutex_);
  options_.format = format;
}

bool ErrorLog::admit(std::string_view key, Time now, std::uint32_t& before) {
  if (seen_.size() >= most_keys) {
    std::erase_if(seen_, [&](const auto& entry) { return now - entry.second.since >= options_.window; });
    if (seen_.size() >= most_keys) seen_.clear();
  }
  Seen& seen = seen_[std::string(key)];
  if (seen.written == 0 || now - seen.since >= options_.window || now < seen.since) {
    before = seen.held_back;
    seen = {now, 1, 0};
    return true;
  }
  if (seen.written < options_.burst) {
    ++seen.written;
    return true;
  }
  ++seen.held_back;
  return false;
}

std::string ErrorLog::render(Level level, std::string_view message, Time now) const {
  const long pid = ::getpid();
  const long thread = ::syscall(SYS_gettid);
  if (options_.format == Format::json)
    return "{\"time\":\"" + iso_time(now) + "\",\"level\":\"" + std::string(level_name(level)) + "\",\"pid\":" + std::to_string(pid) +
           ",\"thread\":" + std::to_string(thread) + ",\"message\":" + json_string(message) + '}';
  const std::tm tm = local(now);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y/%m/%d %H:%M:%S", &tm);
  return std::string(stamp) + " [" + std::string(level_name(level)) + "] " + std::to_string(pid) + '#' + std::to_string(thread) + ": " +
         printable(message);
}

void ErrorLog::write(Level level, std::string_view message, std::string_view key) {
  counts_[static_cast<int>(level)].fetch_add(1, std::memory_order_relaxed);
  if (!enabled(level)) return;
  const Time now = options_.now ? options_.now() : std::chrono::system_clock::now();
  std::lock_guard lock(mutex_);
  std::uint32_t before = 0;
  if (!admit(key.empty() ? message : key, now, before)) {
    suppressed_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  std::string text(message);
  if (before > 0) text += " (and " + std::to_string(before) + " more like this before)";
  std::string line = render(level, text, now);
  // The lock makes this ring's many producers one.
  if (ring_) {
    ring_->write(target_, line, static_cast<std::uint8_t>(level));
    return;
  }
  line += '\n';
  if (::write(STDERR_FILENO, line.data(), line.size()) < 0) return;  // nowhere left to say so
}

}  // namespace observe
