// SPDX-License-Identifier: BSD-2-Clause
// Feeds the service manager's watchdog as long as the process serves: every third of the interval the control loop asks every worker
// loop for an answer, and says "alive" only if all have answered the time before. A worker that is stuck, or a control loop that
// does not run, starves the watchdog, and the manager restarts the process. Owner: the process's life; control thread. The workers
// must outlive it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/mailbox.h"
#include "net/task.h"

namespace net {
class Thread;
}

namespace process {

class Watchdog final : public net::Task {
 public:
  // How a message reaches one worker's loop.
  using Post = std::function<void(net::Message)>;
  struct Events {
    std::function<void()> alive;                              // tell the manager
    std::function<void(const std::vector<std::size_t>&)> late;  // these workers did not answer; once till all have answered again
  };
  Watchdog(net::EventLoop& control, net::TaskOwner& owner, base::Duration interval, std::vector<Post> workers, Events events);
  // The usual case.
  static std::vector<Post> posts(const std::vector<net::Thread*>& threads);
  ~Watchdog() override;

 protected:
  Step run() override;

 private:
  struct Asked {
    Post post;
    // Answers are shared with messages in the mail, which may be destroyed after us.
    std::shared_ptr<std::atomic<bool>> answered = std::make_shared<std::atomic<bool>>(true);
  };
  void ask();
  const base::Duration step_;
  std::vector<Asked> workers_;
  Events events_;
  bool told_ = false;  // of those that are late
};

}  // namespace process
