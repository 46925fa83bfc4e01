// SPDX-License-Identifier: BSD-2-Clause
// Static files of a worker: what was looked up is used for a second, what the kernel has in its caches is looked up at once, all
// else on an offload thread while the exchange waits. A failure (no descriptor, a bad disk) is told to those who asked and not kept. One a
// worker; outlives its exchanges. Worker thread.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>

#include "http/file_lookup.h"
#include "net/offload.h"
#include "net/task.h"

namespace http {

// A member of the exchange that waits; its destructor ends the wait.
class FileWait : private base::ListLink<> {
 public:
  explicit FileWait(net::Task& task) : task_(task) {}

 private:
  friend class FileService;
  friend class base::List<FileWait>;
  net::Task& task_;
  std::shared_ptr<const FileEntry> failure_;  // what it waited for
};

class FileService {
 public:
  static constexpr std::size_t max_entries = 1024;
  static constexpr base::Duration validity = std::chrono::seconds(1);

  FileService(net::Offload& pool, net::EventLoop& loop) : loop_(loop), offload_(pool, loop) {}
  // The entry; null: `wait`'s task is rung when asking again gives it. An overfull pool gives a failed entry (EAGAIN).
  std::shared_ptr<const FileEntry> find(const FilePlace& place, std::string_view path, FileWait& wait);
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::shared_ptr<const FileEntry> found;
    base::TimePoint checked{};
    bool pending = false;
    base::List<FileWait> waiting;
  };
  std::shared_ptr<const FileEntry> keep(const std::string& key, FileEntry found);
  void make_room();

  net::EventLoop& loop_;
  net::OffloadClient offload_;
  std::unordered_map<std::string, std::unique_ptr<Entry>> entries_;
  std::deque<std::string> order_;  // as they came
  std::string key_;                // scratch: the place and the path
};

}  // namespace http
