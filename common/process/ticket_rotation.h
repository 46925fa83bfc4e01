// SPDX-License-Identifier: BSD-2-Clause
// New keys for session tickets from time to time, so that no ticket is good for ever, whatever the clients' and our wall clocks say.
// Owner: the daemon; control thread.
#pragma once

#include <memory>

#include "net/task.h"
#include "net/tls.h"

namespace process {

class TicketRotation final : private net::TaskOwner, private net::Task {
 public:
  // As long as a session may be resumed (TlsOptions::session_lifetime): with net::TicketKeys::kept keys a ticket outlives that.
  static constexpr base::Duration interval = std::chrono::hours(12);
  TicketRotation(net::EventLoop& loop, std::shared_ptr<net::TicketKeys> keys);

 private:
  Step run() override;
  void reap(net::Task&) override {}
  std::shared_ptr<net::TicketKeys> keys_;
};

}  // namespace process
