// SPDX-License-Identifier: BSD-2-Clause
// The producer's side: one copy, two relaxed loads, one release store a line.
#include <algorithm>
#include <bit>
#include <cstring>

#include "observe/log_record.h"
#include "observe/log_writer.h"

namespace observe {

LogRing::LogRing(LogWriter& writer, std::size_t capacity)
    : writer_(writer), capacity_(std::bit_ceil(std::max<std::size_t>(capacity, 4096))), bytes_(new char[capacity_]) {}

void LogRing::copy_in(std::size_t at, const char* from, std::size_t n) {
  const std::size_t offset = at & (capacity_ - 1);
  const std::size_t part = std::min(n, capacity_ - offset);
  std::memcpy(bytes_.get() + offset, from, part);
  if (part < n) std::memcpy(bytes_.get(), from + part, n - part);
}

void LogRing::copy_out(std::size_t at, char* to, std::size_t n) const {
  const std::size_t offset = at & (capacity_ - 1);
  const std::size_t part = std::min(n, capacity_ - offset);
  std::memcpy(to, bytes_.get() + offset, part);
  if (part < n) std::memcpy(to + part, bytes_.get(), n - part);
}

bool LogRing::write(LogTarget target, std::string_view line, std::uint8_t severity) {
  line = line.substr(0, longest_line);
  const LogRecord record{static_cast<std::uint32_t>(line.size()), target, severity, 0};
  const std::size_t head = head_.load(std::memory_order_relaxed);
  const std::size_t needed = sizeof record + line.size();
  if (capacity_ - (head - known_tail_) < needed) {
    known_tail_ = tail_.load(std::memory_order_acquire);
    if (capacity_ - (head - known_tail_) < needed) {
      dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      writer_.wake();
      return false;
    }
  }
  char bytes[sizeof record];
  std::memcpy(bytes, &record, sizeof record);
  copy_in(head, bytes, sizeof record);
  copy_in(head + sizeof record, line.data(), line.size());
  head_.store(head + needed, std::memory_order_release);
  if (head + needed - known_tail_ > capacity_ / 2) {
    known_tail_ = tail_.load(std::memory_order_acquire);
    if (head + needed - known_tail_ > capacity_ / 2) writer_.wake();
  }
  return true;
}

}  // namespace observe
