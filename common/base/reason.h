// SPDX-License-Identifier: BSD-2-Clause
// A reason is a row of a static table, two integers and at most one name; its text is rendered only when printed.
// Errors, decisions ("why") and end reasons all carry one. Rows are constexpr objects kept in one table a library
// (`base/…`, `http/reasons.h`, `cachenode/reasons.h`, …) and compared by address. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace base {

struct ReasonRow {
  const char* name;         // short code for logs, metrics, Cache-Status detail: lower case, '-' and ':'
  const char* text;         // sentence for people; {a}, {b} and {s} stand for the integers and the subject
  std::uint16_t status = 0; // HTTP status that it gives to a client, 0 if it is no error
  const char* proxy_status = nullptr;  // RFC 9209 2.3 error type, null if none applies
};

struct Reason {
  const ReasonRow* row = nullptr;
  std::int64_t a = 0;
  std::int64_t b = 0;
  std::string_view subject{};  // header, limit, server, cookie …; owned by configuration or by the request at hand

  explicit operator bool() const { return row != nullptr; }
  bool is(const ReasonRow& other) const { return row == &other; }
  // "name" or "name:subject", as Cache-Status details and metrics use it.
  std::string code() const;
  // The sentence with its values.
  std::string text() const;
};

}  // namespace base
