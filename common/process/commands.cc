// SPDX-License-Identifier: BSD-2-Clause
// The commands and metrics that every daemon has.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>

#include "observe/metrics_json.h"
#include "process/admin_trace.h"
#include "process/life.h"
#include "process/version.h"

namespace process {
namespace {

std::int64_t seconds_since(base::TimePoint start) {
  return std::chrono::duration_cast<std::chrono::seconds>(base::precise_now() - start).count();
}

}  // namespace

std::vector<std::string> Life::needs_restart() const {
  std::vector<std::string> out;
  for (const config::Change& change : config::difference(daemon_.table(), started_with_, daemon_.effective_tree()).changes)
    if (change.reload == config::Reload::restart) out.push_back(change.key);
  // An upgrade brings its file, but the number of workers of the process before.
  const bool other = daemon_.process_options().worker_count() != workers();
  if (other && std::find(out.begin(), out.end(), "workers") == out.end()) out.push_back("workers");
  return out;
}

const char* Life::state_name() const {
  static constexpr const char* phases[] = {"serving", "draining", "stopping"};
  return upgrade_ && !upgrade_->served() ? "handing over" : phases[static_cast<int>(phase_.load())];
}

std::string Life::status_text() const {
  std::string files, restart;
  for (const std::string& file : start_.configurations) files += (files.empty() ? "" : " ") + file;
  for (const std::string& key : needs_restart()) restart += (restart.empty() ? "" : ", ") + key;
  return fmt::format("name: {}\nversion: {}\npid: {}\nuptime: {}s\nworkers: {}\nconnections: {}\nstate: {}\nconfiguration: {}\ngeneration: {}\ngenerations: {}\n",
                     start_.name, version, ::getpid(), seconds_since(started_), workers(), connections(), state_name(), files,
                     generations_.current().number, generations_.size()) +
         (restart.empty() ? "" : "waits for a restart: " + restart + "\n");
}

std::string Life::status_json() const {
  std::string restart;
  for (const std::string& key : needs_restart()) restart += (restart.empty() ? "" : ", ") + json_string(key);
  return fmt::format("{{\"name\": {}, \"version\": {}, \"pid\": {}, \"uptime\": {}, \"workers\": {}, \"connections\": {}, \"state\": \"{}\", "
                     "\"generation\": {}, \"generations\": {}, \"waits_for_restart\": [{}]}}",
                     json_string(start_.name), json_string(version), ::getpid(), seconds_since(started_), workers(), connections(),
                     state_name(), generations_.current().number, generations_.size(), restart);
}

std::shared_ptr<AdminTrace> Life::make_trace() {
  std::vector<net::Thread*> threads;
  for (std::uint32_t i = 0; i < workers(); ++i) threads.push_back(&worker(i));
  return std::make_shared<AdminTrace>(control_, std::move(threads));
}

// Answered when the files are open, which the writer's thread does: a slow disk must not hold up the control thread.
void Life::answer_reopen(Reply& reply) {
  observe::LogWriter& writer = logs_.writer();
  logs_.reopen();
  writer.flush_then([this, &writer, failures = writer.reopen_failures(), later = reply.later()] {
    const std::uint64_t failed = writer.reopen_failures() - failures;
    control_.post([failed, later] {
      if (failed) later->reply.error(fmt::format("{} of the logs could not be opened again and go on in the old file", failed));
      else later->reply.line("logs are open again");
      later->finish();
    });
  });
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
    reply.json = observe::metrics_json(reply.text);
  });
  commands_.add("explain", "[-X METHOD] [-H FIELD]... URL", "what would happen to a request, and why", Level::user,
                [this](AdminArguments arguments, Reply& reply) {
                  daemon_.explain(arguments, reply);
                  if (!reply.failed && reply.json.empty()) reply.json = "{\"text\": " + json_string(reply.text) + "}";
                });
  commands_.add("trace", "[slow|failed] [N] | ID", "exchanges that ended, newest first, or one of them whole", Level::operation, AdminRegistry::Effect::looks,
                [trace = make_trace()](AdminArguments arguments, Reply& reply) { trace->ask(arguments, reply); });
  commands_.add("reopen", "", "open the logs again", Level::operation, [this](AdminArguments, Reply& reply) { answer_reopen(reply); });
  commands_.add("reload", "[--dry-run]", "read the configuration again and apply what changed; with --dry-run only say what would be", Level::operation,
                [this](AdminArguments arguments, Reply& reply) {
                  const bool dry_run = arguments.size() == 1 && arguments[0] == "--dry-run";
                  if (!arguments.empty() && !dry_run) return reply.error("reload takes --dry-run or nothing");
                  reload(dry_run, [later = reply.later()](const ReloadResult& result) {
                    later->reply.text = result.text;
                    later->reply.json = result.json;
                    later->reply.failed = !result.well;
                    later->finish();
                  });
                });
  commands_.add("upgrade", "", "start the binary again and hand over to it; answers when the new process serves", Level::admin, [this](AdminArguments, Reply& reply) {
    upgrade([later = reply.later(std::chrono::seconds(90))](const UpgradeResult& result) {
      later->reply.failed = !result.well;
      later->reply.text = result.text + "\n";
      later->reply.json = fmt::format("{{\"upgraded\": {}, \"pid\": {}, \"text\": {}}}", result.well, result.well ? result.pid : ::getpid(), json_string(result.text));
      later->finish();
    });
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
  metrics_.gauge_function(name + "_workers", "Threads that serve.", {}, [this] { return static_cast<double>(workers()); });
  metrics_.gauge_function(name + "_client_connections", "Connections of clients now.", {}, [this] { return static_cast<double>(connections()); });
  metrics_.gauge_function(name + "_buffer_bytes", "Blocks in use, of limits.buffers.", {}, [this] { return static_cast<double>(budget_.used()); });
  metrics_.counter_function(name + "_buffers_full_total", "How often limits.buffers was used up; once until use has fallen below three quarters.", {},
                            [this] { return static_cast<double>(budget_.times_full()); });
  metrics_.counter_function(name + "_control_refused_total", "Connections for commands or metrics that were closed because too many were open.", {},
                            [this] { return control_server_ ? static_cast<double>(control_server_->refused()) : 0.0; });
  metrics_.counter_function(name + "_offload_refused_total", "Blocking jobs (files, names) that were refused because too many waited.", {},
                            [this] { return offload_ ? static_cast<double>(offload_->refused()) : 0.0; });
  metrics_.counter_function(name + "_log_lines_dropped_total", "Log lines dropped because a ring was full.", {},
                            [this] { return static_cast<double>(logs_.writer().dropped()); });
  metrics_.counter_function(name + "_log_reopen_failures_total", "How often a log could not be opened again; it goes on in the old file.", {},
                            [this] { return static_cast<double>(logs_.writer().reopen_failures()); });
  metrics_.counter_function(name + "_log_lines_lost_total", "Log lines that could not be written.", {},
                            [this] { return static_cast<double>(logs_.writer().lost()); });
  const auto reloads = [&](const char* result, std::uint64_t ReloadCounts::* member) {
    metrics_.counter_function(name + "_reloads_total", "Reloads, by what became of them.", {{"result", result}},
                              [this, member] { return static_cast<double>(reload_counts_.*member); });
  };
  reloads("applied", &ReloadCounts::well);
  reloads("refused", &ReloadCounts::refused);
  const auto upgrades = [&](const char* result, std::uint64_t UpgradeCounts::* member) {
    metrics_.counter_function(name + "_upgrades_total", "Upgrades of the binary since the first process started, by what became of them.", {{"result", result}},
                              [this, member] { return static_cast<double>(upgrade_counts_.*member); });
  };
  upgrades("served", &UpgradeCounts::well);
  upgrades("failed", &UpgradeCounts::failed);
  metrics_.gauge_function(name + "_generations", "Configurations that serve: the current one, and older ones as long as requests run that began with them.", {},
                          [this] { return static_cast<double>(generations_.size()); });
  metrics_.gauge_function(name + "_buried", "State that no configuration names any more, but is still in use.", {},
                          [this] { return static_cast<double>(graveyard_->size()); });
}

}  // namespace process
