// SPDX-License-Identifier: BSD-2-Clause
#include "process/logs.h"


#include <algorithm>
#include <cstdio>
#include <cstring>


namespace process {

using observe::Level;

Logs::Logs(std::string name, std::uint32_t workers) : name_(std::move(name)) {
  for (std::uint32_t i = 0; i <= workers; ++i) rings_.push_back(&writer_.add_ring());
}

std::expected<observe::LogTarget, std::string> Logs::open(const std::string& text, Change& change) {
  const auto spec = observe::LogSpec::parse(text, name_);
  auto target = writer_.open(spec);
  if (!target) return target;
  const bool known = std::any_of(open_.begin(), open_.end(), [&](const Open& one) { return one.target == *target; });
  if (!known) {
    open_.push_back({spec, *target});
    change.opened.push_back(*target);
  }
  return target;
}

std::expected<Logs::Change, std::string> Logs::plan(const LogOptions& options) {
  Change change;
  change.options = options.error;
  change.to_file = observe::LogSpec::parse(options.error.file, name_).kind != observe::LogSpec::Kind::standard_error;
  auto error = open(options.error.file, change);
  if (error) change.error = *error;
  if (error && options.access) {
    auto access = open(options.access->syslog.empty() ? options.access->file : "syslog:" + options.access->syslog, change);
    if (access) change.access = *access;
    else error = std::move(access);
  }
  if (error) return change;
  throw_away(change);
  return std::unexpected(error.error());
}

void Logs::throw_away(const Change& change) {
  for (const observe::LogTarget target : change.opened) {
    writer_.close(target);
    std::erase_if(open_, [&](const Open& one) { return one.target == target; });
  }
}

void Logs::take(const Change& change) {
  error_log_.set_level(static_cast<Level>(change.options.level));
  error_log_.set_format(change.options.format == LogFormat::json ? observe::ErrorLog::Format::json : observe::ErrorLog::Format::text);
  error_log_.attach(writer_, change.error);
  current_ = change;
}

void Logs::close_unused() {
  std::erase_if(open_, [&](const Open& one) {
    const bool used = one.target == current_->error || one.target == current_->access;
    if (!used) writer_.close(one.target);
    return !used;
  });
}

void Logs::stop() {
  error_log_.detach();
  writer_.stop();
}

void Logs::reopen() {
  error_log_.write(Level::notice, "opens its logs again");
  writer_.reopen();
}

void Logs::fail(const std::string& message) {
  failure_ = message;
  error_log_.write(Level::emerg, message);
  if (current_ && current_->to_file) std::fprintf(stderr, "%s: %s\n", name_.c_str(), message.c_str());
}

}  // namespace process
