// SPDX-License-Identifier: BSD-2-Clause
// The new process's side of an upgrade: what the process before this one hands over. Until the control loop runs it waits for answers;
// afterwards it is driven by the loop. Owner: main(), then the process's life; control thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/admission.h"
#include "net/event_loop.h"
#include "net/listener.h"
#include "process/handover_link.h"
#include "process/handover_slots.h"

namespace process {

class Predecessor {
 public:
  enum class Kind : std::int64_t { clients, control };

  // Of $TRIVET_HANDOVER, which is removed: children must not take it for theirs. Null: this is a start like any other, or what came
  // is of no use.
  static std::unique_ptr<Predecessor> from_environment();
  explicit Predecessor(net::Descriptor fd);
  ~Predecessor();
  // Waits for all that comes at once. Error: a sentence.
  std::optional<std::string> receive();

  std::uint32_t workers() const { return workers_; }
  std::uint64_t upgrades_well() const { return well_; }
  std::uint64_t upgrades_failed() const { return failed_; }
  const std::string& state() const { return state_; }
  // A channel to the process that kept root's rights; empty: there was none. Once.
  net::Descriptor take_opener() { return std::move(opener_); }
  // All descriptors of the listener of that key; null: the old process had none.
  std::unique_ptr<net::Listener> take(Kind kind, const std::string& key);
  // Closes what nobody took.
  void close_rest() { listeners_.clear(); }
  // This process cannot serve: the old one goes on.
  void failed(const std::string& why);

  // Waits until what the old process uses is counted in our books. Before anything is accepted.
  void take_slots(HandoverBooks books, net::EventLoop& loop);
  // Every worker accepts: the old process may drain. `over`: it has ended.
  void serving(std::function<void()> over);
  // Whether the file of a listener that was taken is removed with it.
  bool owns_file(Kind kind, const std::string& key) const;
  bool over() const { return link_.ended(); }
  // The process ends: nothing is counted any more.
  void end();

 private:
  class Watch;
  struct Offered {
    Kind kind;
    std::string key;
    bool file;
    std::vector<net::Descriptor> descriptors;
  };
  bool read(wire::Message& message);
  bool read_listener(wire::Reader& in, wire::Message& message);
  void run(base::TimePoint now);

  HandoverLink link_;
  std::uint32_t workers_ = 0;
  std::uint64_t well_ = 0, failed_ = 0;
  std::string state_;
  net::Descriptor opener_;
  std::vector<Offered> listeners_;
  std::vector<std::pair<Kind, std::string>> files_;
  std::vector<std::pair<Kind, std::string>> taken_;
  bool offered_ = false;
  bool all_lent_ = false;
  std::unique_ptr<http::LoopDesk> desk_;   // before the tickets
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<LentSlots> slots_;
  std::function<void()> on_over_;
};

}  // namespace process
