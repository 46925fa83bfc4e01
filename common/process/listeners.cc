// SPDX-License-Identifier: BSD-2-Clause
#include "process/listeners.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <set>

namespace process {
namespace {

std::string sentence(const base::Error& error) {
  return error.reason.text() + (error.system ? std::string(": ") + std::strerror(error.system) : "");
}

// Two of the same address (port 0, say) are told apart by their order.
std::vector<std::string> keys_of(const std::vector<ListenerSpec>& specs) {
  std::vector<std::string> out;
  for (const ListenerSpec& spec : specs) {
    const std::string text = spec.address.address.text();
    const auto n = std::count_if(specs.data(), &spec, [&](const ListenerSpec& one) { return one.address.address.text() == text; });
    out.push_back(text + (n ? "#" + std::to_string(n + 1) : ""));
  }
  return out;
}

}  // namespace

std::shared_ptr<OpenListener> Listeners::find(const std::string& key) const {
  for (const auto& setting : settings_)
    if (setting->open->key == key) return setting->open;
  return nullptr;
}

std::uint32_t Listeners::free_id(const Change& change) const {
  std::set<std::uint32_t> taken;
  for (const auto& setting : settings_) taken.insert(setting->open->id);
  for (const auto& one : change.added) taken.insert(one->id);
  for (const auto& one : remembered_)
    if (const auto open = one.lock()) taken.insert(open->id);
  std::uint32_t id = 0;
  while (taken.contains(id)) ++id;
  return id;
}

std::expected<std::shared_ptr<OpenListener>, std::string> Listeners::open(const std::string& key, const ListenerSpec& spec, const Change& change) {
  net::ListenOptions options;
  options.backlog = static_cast<int>(spec.backlog);
  std::unique_ptr<net::Listener> adopted = adopt_ ? adopt_(key) : nullptr;
  auto listener = adopted ? std::move(adopted) : bind_(spec.address, workers_, options, spec.info.name);
  if (!listener) {
    std::string why = sentence(listener.error());
    // A listener that this very change removes is in the way.
    const auto ours = [&](const auto& setting) { return setting->open->listener && setting->open->listener->address().port() == spec.address.address.port(); };
    if (listener.error().system == EADDRINUSE && spec.address.address.port() != 0 && std::any_of(settings_.begin(), settings_.end(), ours))
      why += "; this process listens on that port itself: remove the old address first, and add the new one in a second step";
    return std::unexpected(std::move(why));
  }
  auto out = std::make_shared<OpenListener>();
  out->id = free_id(change);
  out->key = key;
  out->listener = std::move(*listener);
  out->accept_failures = &metrics_.counter(daemon_ + "_accept_failures_total",
                                           "Connections that could not be accepted (descriptors, memory); tried again.", {{"listener", spec.address.text}});
  out->full = &metrics_.counter(daemon_ + "_listener_full_total", "How often a listener had as many connections as it may have; others wait in the kernel's queue.",
                                {{"listener", spec.address.text}});
  return out;
}

std::expected<Listeners::Change, std::string> Listeners::plan(std::vector<ListenerSpec> specs) {
  Change change;
  const std::vector<std::string> keys = keys_of(specs);
  for (std::size_t i = 0; i < specs.size(); ++i) {
    ListenerSpec& spec = specs[i];
    auto open = find(keys[i]);
    if (open) {
      change.kept.push_back(open);
    } else {
      auto opened = this->open(keys[i], spec, change);
      if (!opened) return std::unexpected(opened.error());
      change.added.push_back(open = std::move(*opened));
    }
    auto setting = std::make_shared<ListenerSetting>();
    setting->info = spec.info;
    setting->info.id = open->id;
    setting->text = spec.address.text;
    setting->tls = spec.tls;
    setting->max_connections = spec.max_connections;
    setting->open = std::move(open);
    change.settings.push_back(std::move(setting));
  }
  for (const auto& setting : settings_)
    if (std::find(change.kept.begin(), change.kept.end(), setting->open) == change.kept.end()) change.removed.push_back(setting->open);
  return change;
}

void Listeners::take(const Change& change, const std::vector<ListenerSpec>& specs, Generation& next, const Generation* before) {
  std::erase_if(remembered_, [](const auto& one) { return one.expired(); });
  for (const auto& open : change.removed) {
    leaving_.push_back({open, open->listener->dealt() ? 1 : workers_});
    remembered_.push_back(open);
  }
  const auto put = [&](std::uint32_t id, std::shared_ptr<const void> view) {
    if (next.views.size() <= id) next.views.resize(id + 1);
    next.views[id] = std::move(view);
  };
  // Not held: or all that it names would stay until the next change, not until the last connection has gone.
  for (const auto& one : remembered_)
    if (const auto open = one.lock(); open && before && open->id < before->views.size()) put(open->id, {std::shared_ptr<void>(), before->views[open->id].get()});
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const OpenListener& open = *change.settings[i]->open;
    put(open.id, specs[i].view);
    // Again on a socket that listens: the length of its queue.
    for (std::size_t n = 0; n < open.listener->size(); ++n) ::listen(open.listener->fd(n), static_cast<int>(specs[i].backlog));
  }
  settings_ = change.settings;
}

bool Listeners::replace_tls(const net::TlsContext* old, const std::shared_ptr<net::TlsContext>& fresh) {
  bool found = false;
  for (auto& setting : settings_) {
    if (setting->tls.get() != old || !old) continue;
    auto changed = std::make_shared<ListenerSetting>(*setting);
    changed->tls = fresh;
    setting = std::move(changed);
    found = true;
  }
  return found;
}

bool Listeners::accepter_gone(std::uint32_t id) {
  for (Leaving& one : leaving_)
    if (one.open->id == id) return --one.accepters == 0;
  return false;
}

bool Listeners::leaving(std::uint32_t id) const {
  return std::any_of(leaving_.begin(), leaving_.end(), [&](const Leaving& one) { return one.open->id == id; });
}

void Listeners::close(std::uint32_t id) {
  for (const Leaving& one : leaving_)
    if (one.open->id == id) one.open->listener.reset();
  std::erase_if(leaving_, [&](const Leaving& one) { return one.open->id == id; });
}

void Listeners::close_all() {
  for (const auto& setting : settings_) setting->open->listener.reset();
  for (const Leaving& one : leaving_) one.open->listener.reset();
}

void Listeners::add_ready_lines(ReadyLines& lines) const {
  for (const auto& setting : settings_) lines.emplace_back(setting->text, setting->open->listener->address().text());
}

}  // namespace process
