// SPDX-License-Identifier: BSD-2-Clause
#include "process/certificate_watch.h"

#include <algorithm>
#include <utility>

namespace process {

namespace {

constexpr base::Duration again_soon = std::chrono::milliseconds(200);

}  // namespace

CertificateFiles certificate_files(Access& access) {
  return {[&access](const std::string& path) { return access.read_file(path); }, [&access](const std::string& path) { return access.stat(path); }};
}

CertificateWatch::CertificateWatch(net::EventLoop& loop, CertificateFiles files, Events events)
    : Task(loop, static_cast<TaskOwner&>(*this)), files_(std::move(files)), events_(std::move(events)) {}

CertificateWatch::~CertificateWatch() = default;

void CertificateWatch::watch(const TlsMaterials& materials) {
  std::vector<Entry> entries;
  for (const auto& material : materials) {
    if (!material || !material->options.watch) continue;
    if (std::any_of(entries.begin(), entries.end(), [&](const Entry& one) { return one.material == material; })) continue;
    // Of what was loaded from other bytes nothing is known but that it was read a moment ago: it is looked at again.
    const auto known = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& one) { return one.material == material; });
    if (known != entries_.end()) entries.push_back(std::move(*known));
    else entries.push_back({material, {}, false, {}});
  }
  entries_ = std::move(entries);
  ring();
}

net::Task::Step CertificateWatch::run() {
  if (entries_.empty()) {
    clear_deadline();
    return Step::wait;
  }
  said_.clear();
  for (Entry& entry : entries_) look_at(entry);
  const bool pending = std::any_of(entries_.begin(), entries_.end(), [](const Entry& one) { return one.pending; });
  set_deadline_after(pending ? again_soon : interval);
  return Step::wait;
}

CertificateWatch::States CertificateWatch::states_of(const TlsOptions& options) const {
  States out;
  const auto add = [&](const std::string& path) {
    if (path.empty()) return;
    const auto state = files_.stat(path);
    out[path] = state ? std::optional<FileState>(*state) : std::nullopt;
  };
  for (const CertificateOptions& files : options.certificates) {
    add(files.cert);
    add(files.key);
  }
  return out;
}

void CertificateWatch::look_at(Entry& entry) {
  // Before the files are read: what changes in between is seen next time.
  States states = states_of(entry.material->options);
  if (states != entry.seen) {
    entry.seen = std::move(states);
    entry.pending = true;
    entry.changed = now();
  }
  if (entry.pending) load(entry);
}

void CertificateWatch::load(Entry& entry) {
  const TlsMaterial& old = *entry.material;
  const auto loaded = load_tls(old.options, old.alpn, old.tickets, files_.read, {&entry.material, 1});
  if (loaded) {
    entry.pending = false;
    if (*loaded == entry.material) return;
    const auto before = std::exchange(entry.material, *loaded);
    events_.replaced(*before, *loaded);
    return;
  }
  if (now() - entry.changed < patience) return;
  entry.pending = false;
  for (const TlsProblem& problem : loaded.error())
    if (said_.insert(problem.text).second) events_.failed(problem.text);
}

}  // namespace process
