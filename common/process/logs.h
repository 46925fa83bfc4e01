// SPDX-License-Identifier: BSD-2-Clause
// The logs of the process: the writer with its rings, the error log, the target of access lines. A log is known by its place; a change
// opens what is new first, and what is gone is closed when no worker writes there any more. Owner: the process's life; control thread,
// but for error_log() and the rings.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "observe/error_log.h"
#include "observe/log_writer.h"
#include "process/sections/log_options.h"

namespace process {

class Logs {
 public:
  struct Change {
    observe::LogTarget error = 0;
    std::optional<observe::LogTarget> access;
    std::vector<observe::LogTarget> opened;  // they were not open before
    ErrorLogOptions options;
    bool to_file = false;                    // of the error log
  };

  // A ring for each worker and one for the control thread.
  Logs(std::string name, std::uint32_t workers);
  // Opens what is not open. Error: a sentence with the path.
  std::expected<Change, std::string> plan(const LogOptions& options);
  void throw_away(const Change& change);
  // Level, format and place of the error log hold from now on; access lines follow the generation.
  void take(const Change& change);
  // Nobody writes to the targets of before any more.
  void close_unused();

  void start() { writer_.start(); }
  void stop();
  void reopen();
  observe::LogWriter& writer() { return writer_; }
  const observe::LogWriter& writer() const { return writer_; }
  observe::ErrorLog& error_log() { return error_log_; }
  observe::LogRing& ring(std::uint32_t index) { return *rings_[index]; }
  std::optional<observe::LogTarget> access() const { return current_ ? current_->access : std::nullopt; }
  // What ends the process: to the log, and to whoever started it by hand, who does not look there.
  void fail(const std::string& message);
  const std::string& failure() const { return failure_; }  // the last of these

 private:
  struct Open {
    observe::LogSpec spec;
    observe::LogTarget target;
  };
  std::expected<observe::LogTarget, std::string> open(const std::string& text, Change& change);

  const std::string name_;
  observe::LogWriter writer_;
  observe::ErrorLog error_log_;
  std::vector<observe::LogRing*> rings_;
  std::vector<Open> open_;
  std::optional<Change> current_;
  std::string failure_;
};

}  // namespace process
