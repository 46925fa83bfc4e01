// SPDX-License-Identifier: BSD-2-Clause
#include "http/file_service.h"

#include <cerrno>
#include <utility>

#include "net/event_loop.h"

namespace http {

std::shared_ptr<const FileEntry> FileService::find(const FilePlace& place, std::string_view path, FileWait& wait) {
  if (wait.failure_) return std::exchange(wait.failure_, nullptr);
  // Routes that look for other neighbours see other entries. By content: places come and go with configurations.
  key_ = place.root;
  for (const std::string& name : place.index) (key_ += '\0') += name;
  key_ += '\1';
  for (const std::string& coding : place.precompressed) (key_ += '\0') += coding;
  (key_ += '\1') += path;
  auto& slot = entries_[key_];
  if (!slot) {
    slot = std::make_unique<Entry>();
    order_.push_back(key_);
  }
  Entry& entry = *slot;
  if (!entry.pending && entry.found && loop_.now() - entry.checked < validity) return entry.found;
  if (!entry.pending) {
    const std::string key = key_;
    if (auto now = look_up_file(place, std::string(path), true)) {
      auto found = keep(key, std::move(*now));
      make_room();
      return found;
    }
    auto job = offload_.submit([place, wanted = std::string(path)] { return look_up_file(place, wanted, false).value_or(FileEntry{}); },
                               [this, key](FileEntry found) { keep(key, std::move(found)); });
    if (!job) {
      FileEntry busy;
      busy.kind = FileEntry::Kind::failed;
      busy.error = EAGAIN;
      return std::make_shared<const FileEntry>(std::move(busy));
    }
    entry.pending = true;
  }
  if (!wait.linked()) entry.waiting.push_back(wait);
  return nullptr;
}

std::shared_ptr<const FileEntry> FileService::keep(const std::string& key, FileEntry found) {
  const auto shared = std::make_shared<const FileEntry>(std::move(found));
  const auto at = entries_.find(key);
  if (at == entries_.end()) return shared;
  Entry& entry = *at->second;
  const bool failed = shared->kind == FileEntry::Kind::failed;
  entry.found = failed ? nullptr : shared;
  entry.checked = loop_.now();
  entry.pending = false;
  while (FileWait* wait = entry.waiting.pop_front()) {
    if (failed) wait->failure_ = shared;
    wait->task_.ring();
  }
  return shared;
}

// The oldest go; one that is waited for moves to the end.
void FileService::make_room() {
  for (std::size_t tries = order_.size(); entries_.size() > max_entries && tries > 0; --tries) {
    std::string key = std::move(order_.front());
    order_.pop_front();
    const auto at = entries_.find(key);
    if (at != entries_.end() && at->second->pending) order_.push_back(std::move(key));
    else if (at != entries_.end()) entries_.erase(at);
  }
}

}  // namespace http
