// SPDX-License-Identifier: BSD-2-Clause
// The old process's side of an upgrade of the binary: starts the new one, hands over listeners, state and slots, and drains when the new
// one serves. Until then nothing is given away that it cannot have back. Owner: the process's life; control thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/event_loop.h"
#include "net/listener.h"
#include "process/handover_link.h"
#include "process/handover_slots.h"

namespace process {

class Life;

struct UpgradeResult {
  bool well = false;
  std::string text;  // a line
  int pid = -1;      // of the process that serves now
};
using UpgradeDone = std::function<void(const UpgradeResult&)>;

struct UpgradeCounts {
  std::uint64_t well = 0, failed = 0;
};

// What is started again, as this process was.
struct Program {
  std::string path;                     // empty: unknown
  std::vector<std::string> arguments;   // the name included
};
// A path that goes on to mean the same after a change of the working directory, and the file that is there by then.
std::string program_path(const std::string& argument);

class Upgrade final : public net::Task {
 public:
  Upgrade(Life& life, UpgradeDone done);
  ~Upgrade() override;
  // Starts the new process and tells it everything. False: nothing was started, result() says why.
  bool begin();
  // This process ends for another reason: the new one is not wanted any more. Nothing if it serves already.
  void cancel(const std::string& why);
  bool served() const { return state_ == State::served; }
  const UpgradeResult& result() const { return result_; }

 protected:
  Step run() override;

 private:
  // In the order in which they happen.
  enum class State : std::uint8_t { offered, lent, served, hung_up, over };
  bool spawn();
  void offer();
  void offer_listeners();
  void offer_listener(std::int64_t kind, const std::string& key, const net::Listener& listener);
  Step hung_up();
  void read();
  bool handle(wire::Message& message);
  bool serving(wire::Reader& in);
  void look_at_child();
  void fail(const std::string& why);
  void finish();

  Life& life_;
  UpgradeDone done_;
  UpgradeResult result_;
  State state_ = State::offered;
  HandoverLink link_;
  net::Descriptor child_;        // a descriptor of the new process; empty once it was waited for
  net::Readiness ready_, child_ready_;
  int pid_ = -1;
  std::string said_;             // by the new process, why it cannot serve
  base::TimePoint give_up_{};
  std::unique_ptr<BorrowedSlots> slots_;
};

}  // namespace process
