// SPDX-License-Identifier: BSD-2-Clause
// The commands and metrics that every daemon has.
#include <fmt/core.h>
#include <unistd.h>

#include "process/life.h"
#include "process/version.h"

namespace process {
namespace {

std::int64_t seconds_since(base::WallTime start) {
  return std::chrono::duration_cast<std::chrono::seconds>(base::SystemClock().wall() - start).count();
}

}  // namespace

std::string Life::status_text() const {
  std::string files;
  for (const std::string& file : start_.configurations) files += (files.empty() ? "" : " ") + file;
  static constexpr const char* phases[] = {"serving", "draining", "stopping"};
  return fmt::format("name: {}\nversion: {}\npid: {}\nuptime: {}s\nworkers: {}\nconnections: {}\nstate: {}\nconfiguration: {}\n", start_.name, version, ::getpid(),
                     seconds_since(started_), worker_count_, connections(), phases[static_cast<int>(phase_.load())], files);
}

std::string Life::status_json() const {
  static constexpr const char* phases[] = {"serving", "draining", "stopping"};
  return fmt::format("{{\"name\": {}, \"version\": {}, \"pid\": {}, \"uptime\": {}, \"workers\": {}, \"connections\": {}, \"state\": \"{}\"}}", json_string(start_.name),
                     json_string(version), ::getpid(), seconds_since(started_), worker_count_, connections(), phases[static_cast<int>(phase_.load())]);
}

void Life::add_commands() {
  using Level = AdminLevel;
  commands_.add("help", "", "this list", Level::user, [this](AdminArguments, Reply& reply) { reply.text = commands_.help(); });
  commands_.add("version", "", "name and version", Level::user, [this](AdminArguments, Reply& reply) { reply.line(start_.name + " " + version); });
  commands_.add("status", "", "what the process is doing", Level::user, [this](AdminArguments, Reply& reply) {
    reply.text = status_text();
    reply.json = status_json();
  });
  commands_.add("stat", "", "all metrics", Level::user, [this](AdminArguments, Reply& reply) {
    reply.text = metrics_.text();
    daemon_.append_metrics(reply.text);
  });
  commands_.add("explain", "[-X METHOD] [-H FIELD]... URL", "what would happen to a request, and why", Level::user,
                [this](AdminArguments arguments, Reply& reply) { daemon_.explain(arguments, reply); });
  commands_.add("reopen", "", "open the logs again", Level::operation, [this](AdminArguments, Reply& reply) {
    reopen_logs();
    log_writer_.flush();
    reply.line("logs are open again");
  });
  commands_.add("shutdown", "", "finish what is running, then end (`quit` of the control client)", Level::admin, [this](AdminArguments, Reply& reply) {
    reply.line("finishing what is running");
    begin_drain("shutdown");
  });
  commands_.add("stop", "", "end now", Level::admin, [this](AdminArguments, Reply& reply) {
    reply.line("stopping");
    begin_stop("stop");
  });
  daemon_.commands(commands_);
}

void Life::add_metrics() {
  const std::string name = start_.name;
  metrics_.gauge_function(name + "_build_info", "Version of the daemon.", {{"version", version}}, [] { return 1.0; });
  metrics_.gauge_function(name + "_uptime_seconds", "Since the process started.", {}, [this] { return static_cast<double>(seconds_since(started_)); });
  metrics_.gauge_function(name + "_workers", "Threads that serve.", {}, [this] { return static_cast<double>(worker_count_); });
  metrics_.gauge_function(name + "_client_connections", "Connections of clients now.", {}, [this] { return static_cast<double>(connections()); });
  metrics_.gauge_function(name + "_buffer_bytes", "Blocks in use, of limits.buffers.", {}, [this] { return static_cast<double>(budget_.used()); });
  metrics_.counter_function(name + "_buffers_full_total", "How often limits.buffers was found used up.", {},
                            [this] { return static_cast<double>(budget_.times_full()); });
  metrics_.counter_function(name + "_log_lines_dropped_total", "Log lines dropped because a ring was full.", {},
                            [this] { return static_cast<double>(log_writer_.dropped()); });
  metrics_.counter_function(name + "_log_lines_lost_total", "Log lines that could not be written.", {},
                            [this] { return static_cast<double>(log_writer_.lost()); });
  for (const auto& open : listeners_)
    metrics_.counter_function(name + "_accept_failures_total", "Connections that could not be accepted (descriptors, memory); tried again.",
                              {{"listener", open->spec.address.text}},
                              [one = open.get()] { return static_cast<double>(one->accept_failures.load(std::memory_order_relaxed)); });
}

}  // namespace process
