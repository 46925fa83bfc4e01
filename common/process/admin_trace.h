// SPDX-License-Identifier: BSD-2-Clause
// The command `trace`: asks every worker by its mailbox for what its rings hold, and answers when all have said so, or when time is up
// with what there is: a worker that is stuck is when one wants to know. Owner: the process's life; control thread.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "http/trace.h"
#include "net/task.h"
#include "net/worker.h"
#include "process/admin_registry.h"

namespace process {

// What is wanted.
struct TraceQuestion {
  enum class What : std::uint8_t { recent, slow, failed, one };
  What what = What::recent;
  std::size_t limit = 20;
  std::string id;  // of `one`
};
// False: not understood. "[slow|failed] [N]" or an ID.
bool parse_trace(AdminArguments arguments, TraceQuestion& out);

// Answers, made of what all workers said.
void trace_answer(const TraceQuestion& question, std::vector<http::TraceRecord> records, const std::string& missing, Reply& reply);

class AdminTrace final : public net::TaskOwner {
 public:
  // Threads outlive this and answer out of TraceRings::of_this_thread().
  AdminTrace(net::Thread& control, std::vector<net::Thread*> workers);
  ~AdminTrace();
  void ask(AdminArguments arguments, Reply& reply);
  void reap(net::Task& child) override { queries_.erase(&child); }

 private:
  class Query;
  net::Thread& control_;
  std::vector<net::Thread*> workers_;
  std::unordered_map<net::Task*, std::shared_ptr<Query>> queries_;
};

}  // namespace process
