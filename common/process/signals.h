// SPDX-License-Identifier: BSD-2-Clause
// Signals as events of the control thread's loop. They must be blocked (block()) before any other thread starts.
#pragma once

#include <functional>

#include "net/event_loop.h"

namespace process {

class Signals final : public net::Task {
 public:
  // Blocks the signals that we handle and ignores SIGPIPE.
  static void block();
  Signals(net::EventLoop& loop, net::TaskOwner& owner, std::function<void(int)> handler);
  ~Signals() override;

 protected:
  Step run() override;

 private:
  std::function<void(int)> handler_;
  int fd_;
  net::Readiness ready_;
};

}  // namespace process
