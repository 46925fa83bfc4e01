// SPDX-License-Identifier: BSD-2-Clause
#include "process/sections/log_options.h"

template <>
const config::Table<process::AccessLogOptions>& config::table_of<process::AccessLogOptions>() {
  using O = process::AccessLogOptions;
  static const Table<O> table("One line a request.", {
    option("file", &O::file, "The file; `\"-\"` is standard output. SIGUSR1 and `reopen` open it again."),
    option("syslog", &O::syslog, "A syslog socket instead of a file.").example("\"/dev/log\""),
    option("format", &O::format, "`combined`, `common`, `json`, `httplog` (HAProxy's), `ncsa` (Varnish's name of combined), or a text with nginx's "
                                 "variables, as in `\"$remote_addr $request_time\"`.").default_text("\"combined\", balancer: \"httplog\""),
  }, [](O& options, const Scope& scope) {
    const std::string& format = options.format;
    static const std::vector<std::string> known{"combined", "common", "json", "httplog", "ncsa"};
    bool found = format.empty() || format.find_first_of("$%") != std::string::npos;
    for (const std::string& name : known) found = found || name == format;
    if (!found) scope.problem("format", "\"" + format + "\" is no log format", suggestion(format, known));
    if (scope.has("file") && scope.has("syslog") && options.file != "-") scope.problem("syslog", "a log goes to a file or to syslog", "remove one of them");
  });
  return table;
}
template <>
const config::Table<process::ErrorLogOptions>& config::table_of<process::ErrorLogOptions>() {
  using O = process::ErrorLogOptions;
  static const Table<O> table("What the daemon has to say.", {
    option("file", &O::file, "The file; `\"stderr\"` and `\"-\"` (standard output) are no files."),
    option("format", &O::format, "Lines as nginx writes them, or a JSON object each."),
    option("level", &O::level, "The least that is written.").live(),
  });
  return table;
}
template <>
const config::Table<process::LogOptions>& config::table_of<process::LogOptions>() {
  using O = process::LogOptions;
  static const Table<O> table("Logs.", {
    option("access", &O::access, "The access log; `false` turns it off.").or_false(),
    option("error", &O::error, "The error log."),
  });
  return table;
}
