// SPDX-License-Identifier: BSD-2-Clause
// The variables of access logs, by the names that nginx gave them. One row each; text formats and JSON both use it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/access_log.h"

namespace http {

// What a variable's value is: text of ours, text of a peer (escaped), a number, or nothing.
struct LogValue {
  enum class Kind : std::uint8_t { none, text, written, number };
  Kind kind = Kind::none;
  std::string_view text;
  std::int64_t number = 0;
};

// `written`: the writer appended the value to `scratch` (times, durations, addresses); it is safe text, but for "$request" and cookies whose bytes
// are a peer's: those are `text`, appended to `scratch`, too. `scratch` may have something before, and be the line itself.
using LogWriter = LogValue (*)(const AccessRecord& record, std::string_view name, Token token, std::string& scratch);

struct LogVariable {
  std::string_view name;   // without '$'; "http_" and its like end with '_' and take a NAME
  LogWriter write = nullptr;
  bool numeric = false;    // written bare in JSON
  bool in_json = false;    // key of the JSON format
};

// The table; row 0 is empty.
extern const LogVariable log_variables[];
extern const std::size_t log_variable_count;
// Row of `name`; for prefixed ones `rest` is the NAME with '-' for '_'. 0 if unknown.
std::size_t find_log_variable(std::string_view name, std::string& rest);

}  // namespace http
