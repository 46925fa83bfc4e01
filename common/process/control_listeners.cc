// SPDX-License-Identifier: BSD-2-Clause
#include "process/control_listeners.h"

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace process {
namespace {

std::optional<gid_t> group_id(const std::string& name) {
  const group* found = name.empty() ? nullptr : ::getgrnam(name.c_str());
  return found ? std::optional(found->gr_gid) : std::nullopt;
}

bool may_give(const std::string& group) {
  const auto id = group_id(group);
  if (!id || ::geteuid() == 0 || *id == ::getegid()) return true;
  std::vector<gid_t> mine(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
  const int count = ::getgroups(static_cast<int>(mine.size()), mine.data());
  return count >= 0 && std::find(mine.begin(), mine.begin() + count, *id) != mine.begin() + count;
}

// The file of a Unix socket: its rights, and its group if one is named.
void give(const net::Listener& listener, const ControlListeners::Spec& spec) {
  if (!listener.address().is_unix()) return;
  const std::string path = listener.address().unix_path();
  const auto id = group_id(spec.group);
  const bool given = ::chmod(path.c_str(), spec.mode) == 0 && (!id || ::chown(path.c_str(), static_cast<uid_t>(-1), *id) == 0);
  static_cast<void>(given);  // may_give() said that it works; a file that somebody removed is nobody's
}

}  // namespace

ControlListeners::Open* ControlListeners::find(const std::string& key) {
  const auto at = std::find_if(open_.begin(), open_.end(), [&](const Open& one) { return one.key == key; });
  return at == open_.end() ? nullptr : &*at;
}

std::expected<ControlListeners::Change, std::string> ControlListeners::plan(const std::vector<Spec>& specs) {
  Change change;
  for (const Spec& spec : specs) {
    change.keys.push_back(spec.key());
    if (!may_give(spec.group)) return std::unexpected("cannot give " + spec.address.text + " to group " + spec.group + ": the process is no member of it");
    if (find(spec.key())) continue;
    net::ListenOptions options;
    options.unix_mode = spec.mode;
    std::unique_ptr<net::Listener> adopted = adopt_ ? adopt_(spec.key()) : nullptr;
    auto listener = adopted ? std::move(adopted) : bind_(spec.address, 1, options, spec.label);
    if (!listener) {
      const int system = listener.error().system;
      return std::unexpected(listener.error().reason.text() + (system ? std::string(": ") + std::strerror(system) : ""));
    }
    give(**listener, spec);
    change.added.push_back({spec.key(), spec.label, std::move(*listener), spec.rights(), spec.group});
  }
  return change;
}

void ControlListeners::take(Change change, const std::vector<Spec>& specs) {
  std::vector<Open> next;
  for (const std::string& key : change.keys) {
    const auto added = std::find_if(change.added.begin(), change.added.end(), [&](const Open& one) { return one.key == key; });
    next.push_back(std::move(added != change.added.end() ? *added : *find(key)));
  }
  for (const Open& one : open_)
    if (one.listener && server_) server_->stop_serving(*one.listener);
  open_ = std::move(next);
  if (!server_) return;
  for (std::size_t i = 0; i < open_.size(); ++i) {
    if (open_[i].rights == specs[i].rights()) continue;
    give(*open_[i].listener, specs[i]);
    open_[i].rights = specs[i].rights();
    open_[i].group = specs[i].group;
    server_->stop_serving(*open_[i].listener);  // begins again below, with other rights
  }
  for (std::size_t i = 0; i < open_.size(); ++i)
    if (!server_->serves(*open_[i].listener)) serve_one(i, specs[i]);
}

void ControlListeners::serve_one(std::size_t index, const Spec& spec) {
  if (spec.handler) server_->serve_pages(*open_[index].listener, spec.handler);
  else server_->serve_admin(*open_[index].listener, spec.level);
}

void ControlListeners::serve(ControlServer& server, const std::vector<Spec>& specs) {
  server_ = &server;
  for (std::size_t i = 0; i < open_.size(); ++i) serve_one(i, specs[i]);
}

void ControlListeners::add_ready_lines(ReadyLines& lines) const {
  for (const Open& one : open_) lines.emplace_back(one.label, one.listener->address().text());
}

}  // namespace process
