// SPDX-License-Identifier: BSD-2-Clause
#include "balancer/checker.h"

#include "balancer/check_task.h"

namespace balancer {

// Lets rows that were out for their time be tried again.
class WakeTask final : public net::Task {
 public:
  WakeTask(net::EventLoop& loop, Checker& checker) : Task(loop, checker), checker_(checker) {}
  void after(base::Duration wait) { set_deadline(std::min(deadline(), now() + wait)); }

 protected:
  Step run() override {
    if (!deadline_passed()) return Step::wait;
    clear_deadline();
    for (const auto& watched : checker_.watched()) {
      const std::shared_ptr<BackendState> backend = watched.lock();
      if (!backend) continue;
      backend->book.tick(now());
      const bool more = backend->book.read([](std::span<const http::ServerRow> rows, const http::Admission::Totals&) {
        for (const http::ServerRow& r : rows)
          if (r.out && r.out_until != base::TimePoint::max()) return true;
        return false;
      });
      if (more) after(std::chrono::milliseconds(50));
    }
    return Step::wait;
  }

 private:
  Checker& checker_;
};

Checker::Checker(net::EventLoop& loop, observe::ErrorLog& log, http::UpstreamPool::Connector connector)
    : loop_(loop), log_(log), connector_(std::move(connector)), pool_(loop, connector_), wake_(std::make_unique<WakeTask>(loop, *this)) {}

Checker::~Checker() = default;

void Checker::reap(net::Task&) {}  // tasks live until end()

void Checker::watch(const std::shared_ptr<BackendState>& backend) {
  std::erase_if(watched_, [](const auto& one) { return one.expired(); });
  watched_.push_back(backend);
  // Told by workers, on their threads.
  backend->book.on_out([this, weak = std::weak_ptr(backend)](http::RowId row) {
    loop_.mailbox().post([this, weak, row] {
      if (const auto state = weak.lock()) refused(*state, row);
    });
  });
}

void Checker::begin(BackendState& backend, Server& server, const CheckOptions& options) {
  std::unique_ptr<CheckTask>& task = tasks_[&server];
  if (task && task->options() == options) return;
  task = std::make_unique<CheckTask>(loop_, *this, backend, server, options);
  task->ring();
}

void Checker::end(const Server& server) { tasks_.erase(&server); }

void Checker::check_now(const Server& server) {
  if (const auto found = tasks_.find(&server); found != tasks_.end()) found->second->hurry();
}

void Checker::refused(BackendState& backend, http::RowId row) {
  const Server* server = backend.book.read([&](std::span<const http::ServerRow> rows, const http::Admission::Totals&) {
    const http::ServerRow& r = rows[row.row];
    return r.serial == row.serial && r.life == http::RowLife::live ? static_cast<const Server*>(r.owner) : nullptr;
  });
  if (!server) return;
  log_.write(observe::Level::warn, "server " + server->full_name + " refused a connection: it gets no requests until " +
                                       (server->checked ? "a check succeeds" : "one that tries it after a second succeeds"));
  if (const auto task = tasks_.find(server); task != tasks_.end()) task->second->connection_failed();
  else wake_->after(std::chrono::milliseconds(1001));
}

}  // namespace balancer
