// SPDX-License-Identifier: BSD-2-Clause
// Text for the last words of a process: no allocation, no lock, no stdio, only write(2); may be used in a signal handler. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace base {

class CheckText {
 public:
  explicit CheckText(int fd) : fd_(fd) {}
  ~CheckText() { flush(); }
  CheckText(const CheckText&) = delete;
  CheckText& operator=(const CheckText&) = delete;

  // Control characters become '?'.
  CheckText& text(std::string_view what);
  CheckText& number(std::int64_t what);
  CheckText& milliseconds(std::int64_t microseconds);  // "12.3ms"
  CheckText& line();
  void flush();

 private:
  void put(char c);
  int fd_;
  std::size_t size_ = 0;
  char bytes_[512];
};

}  // namespace base
