// SPDX-License-Identifier: BSD-2-Clause
#include "process/opener_start.h"

#include <algorithm>

#include "config/loader.h"
#include "observe/log_writer.h"
#include "process/opener_client.h"
#include "process/privileges.h"

namespace process {
namespace {

void add_log(const std::string& place, Named& out) {
  const auto spec = observe::LogSpec::parse(place, "");
  if (spec.kind == observe::LogSpec::Kind::file && !spec.path.empty()) out.logs.push_back(spec.path);
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

void add_names(const Daemon& daemon, Named& out) {
  const ProcessOptions& options = daemon.process_options();
  for (const AdminDoor& door : options.admin.doors) out.addresses.push_back(door.address.address);
  if (options.metrics) out.addresses.push_back(options.metrics.address);
  const LogOptions& log = daemon.log_options();
  add_log(log.error.file, out);
  if (log.access && log.access->syslog.empty()) add_log(log.access->file, out);
  daemon.names(out);
}

Named named_by(Daemon& daemon, const std::vector<std::string>& configurations, const config::Files& files) {
  Named out;
  config::Context context;
  context.set_files(files);
  config::load_files(context, configurations);
  // Those that an unreadable or wrong file would have named are missing; those that were asked for are not.
  out.sources = context.asked_for();
  out.patterns = context.patterns();
  if (context.syntax_failed() || !daemon.read_sections(context)) out.problem = first_line(context.render_all());
  else add_names(daemon, out);
  return out;
}

std::expected<std::unique_ptr<Access>, std::string> begin_access(const AccessStart& start) {
  if (start.user.empty() || !is_root()) return std::make_unique<DirectAccess>();
  const auto user = find_user(start.user);
  if (!user) return std::unexpected("there is no user \"" + start.user + "\" on this system");
  if (user->uid == 0) return std::make_unique<DirectAccess>();
  const auto naming = [make = start.make, configurations = start.configurations] { return named_by(*make(), configurations); };
  int pid = -1;
  auto channel = fork_opener({start.name, *user, naming}, pid);
  if (!channel) return std::unexpected("the opener cannot be started: " + channel.error());
  auto access = std::make_unique<OpenedAccess>(std::move(*channel), pid);
  if (const std::string wrong = drop_privileges(*user); !wrong.empty()) return std::unexpected(wrong);
  return access;
}

}  // namespace process
