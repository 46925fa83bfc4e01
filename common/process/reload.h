// SPDX-License-Identifier: BSD-2-Clause
// One reload: check, prepare, commit, answer. The new configuration is read and everything that may fail is done beside what serves;
// a failure destroys what was staged and nothing else. Then it is applied, which cannot fail: first what grows, then every worker takes
// the new generation, then what shrinks. Owner: the process's life; control thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "config/difference.h"
#include "process/control_listeners.h"
#include "process/listeners.h"
#include "process/logs.h"

namespace process {

class Life;

struct ReloadResult {
  bool well = false;
  std::string text;   // for people, several lines
  std::string json;
};
using ReloadDone = std::function<void(const ReloadResult&)>;

struct ReloadCounts {
  std::uint64_t well = 0, refused = 0;
};

class Reload {
 public:
  Reload(Life& life, bool dry_run);
  ~Reload();
  // Check and prepare. False: it is over, result() says why (or, of a dry run, what would be).
  bool stage();
  // Commit; `done` when all workers serve by it and nobody accepts on listeners that were removed.
  void commit(std::function<void()> done);
  // An accepter of a removed listener may have ended.
  void look();
  const ReloadResult& result() const { return result_; }

 private:
  bool read();
  void compare();
  bool open();
  void refuse(const std::string& why);
  void adopted();
  void settle();
  std::string describe(const char* first) const;
  std::string describe_json() const;

  Life& life_;
  const bool dry_run_;
  ReloadResult result_;
  std::string warnings_;
  std::unique_ptr<Daemon> next_daemon_;
  config::Difference difference_;
  std::vector<ListenerSpec> specs_;
  std::optional<Listeners::Change> listeners_;
  std::optional<ControlListeners::Change> pages_;
  std::optional<Logs::Change> logs_;
  std::unique_ptr<Generation> staged_;
  Generation* next_ = nullptr;
  const Generation* before_ = nullptr;
  std::shared_ptr<const Adoption> adoption_;
  std::vector<std::uint32_t> removed_;
  bool settling_ = false;
  std::function<void()> done_;
};

}  // namespace process
