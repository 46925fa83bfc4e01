// SPDX-License-Identifier: BSD-2-Clause
// [log]: where lines go and how they look. Values.
#pragma once

#include "config/option_table.h"

namespace process {

struct AccessLogOptions {
  std::string file = "-";   // "-": standard output
  std::string syslog;       // a datagram socket such as /dev/log, instead of the file
  std::string format;       // combined | common | json | httplog | ncsa | "$remote_addr …"; empty: the daemon's usual one
};
enum class LogFormat { text, json };
inline config::Words<LogFormat> option_words(LogFormat) { return {{"text", LogFormat::text}, {"json", LogFormat::json}}; }
enum class LogLevel { emerg, alert, crit, error, warn, notice, info, debug };
inline config::Words<LogLevel> option_words(LogLevel) {
  return {{"emerg", LogLevel::emerg}, {"alert", LogLevel::alert}, {"crit", LogLevel::crit}, {"error", LogLevel::error},
          {"warn", LogLevel::warn}, {"notice", LogLevel::notice}, {"info", LogLevel::info}, {"debug", LogLevel::debug}};
}
struct ErrorLogOptions {
  std::string file = "stderr";
  LogFormat format = LogFormat::text;
  LogLevel level = LogLevel::notice;
};
struct LogOptions {
  std::optional<AccessLogOptions> access = AccessLogOptions{};  // nullopt: `access = false`
  ErrorLogOptions error;
};

}  // namespace process

template <> const config::Table<process::AccessLogOptions>& config::table_of<process::AccessLogOptions>();
template <> const config::Table<process::ErrorLogOptions>& config::table_of<process::ErrorLogOptions>();
template <> const config::Table<process::LogOptions>& config::table_of<process::LogOptions>();
