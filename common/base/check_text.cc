// SPDX-License-Identifier: BSD-2-Clause
#include "base/check_text.h"

#include <unistd.h>

#include <cerrno>

namespace base {

void CheckText::flush() {
  const char* from = bytes_;
  while (size_ > 0) {
    const ssize_t n = ::write(fd_, from, size_);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    from += n;
    size_ -= static_cast<std::size_t>(n);
  }
  size_ = 0;
}

void CheckText::put(char c) {
  if (size_ == sizeof bytes_) flush();
  bytes_[size_++] = c;
}

CheckText& CheckText::text(std::string_view what) {
  for (const char c : what) put(static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c);
  return *this;
}

CheckText& CheckText::number(std::int64_t what) {
  char digits[24];
  std::size_t n = 0;
  std::uint64_t left = what < 0 ? 0 - static_cast<std::uint64_t>(what) : static_cast<std::uint64_t>(what);
  do digits[n++] = static_cast<char>('0' + left % 10);
  while ((left /= 10) > 0);
  if (what < 0) put('-');
  while (n > 0) put(digits[--n]);
  return *this;
}

CheckText& CheckText::milliseconds(std::int64_t microseconds) {
  if (microseconds < 0) microseconds = 0;
  number(microseconds / 1000).put('.');
  put(static_cast<char>('0' + microseconds / 100 % 10));
  return text("ms");
}

CheckText& CheckText::line() {
  put('\n');
  return *this;
}

}  // namespace base
