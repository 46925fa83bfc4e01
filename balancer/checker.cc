// SPDX-License-Identifier: BSD-2-Clause
#include "balancer/checker.h"

#include "balancer/check_task.h"

namespace balancer {

// Lets rows that were out for their time be tried again.
class WakeTask final : public net::Task {
 public:
  WakeTask(net::EventLoop& loop, net::TaskOwner& owner, State& state) : Task(loop, owner), state_(state) {}
  void after(base::Duration wait) { set_deadline(std::min(deadline(), now() + wait)); }

 protected:
  Step run() override {
    if (!deadline_passed()) return Step::wait;
    clear_deadline();
    for (Backend& backend : state_.backends) {
      backend.book.tick(now());
      const bool more = backend.book.read([](std::span<const http::ServerRow> rows, const http::Admission::Totals&) {
        for (const http::ServerRow& r : rows)
          if (r.out && r.out_until != base::TimePoint::max()) return true;
        return false;
      });
      if (more) after(std::chrono::milliseconds(50));
    }
    return Step::wait;
  }

 private:
  State& state_;
};

Checker::Checker(net::EventLoop& loop, State& state, observe::ErrorLog& log, http::UpstreamPool::Connector connector)
    : loop_(loop), state_(state), log_(log), connector_(std::move(connector)), pool_(loop, connector_), wake_(std::make_unique<WakeTask>(loop, *this, state)) {
  for (std::size_t b = 0; b < state.backends.size(); ++b) {
    Backend& backend = state.backends[b];
    auto& row = tasks_.emplace_back();
    for (std::size_t i = 0; i < backend.servers.size(); ++i) {
      row.push_back(backend.servers[i].checked ? std::make_unique<CheckTask>(loop, *this, backend, i) : nullptr);
      if (row.back()) row.back()->ring();
    }
    // Told by workers, on their threads.
    backend.book.on_out([this, b](http::RowId out) { loop_.mailbox().post([this, b, out] { refused(b, out.row); }); });
  }
}

Checker::~Checker() = default;

void Checker::reap(net::Task&) {}  // tasks live as long as the checker

void Checker::check_now(std::size_t backend, std::size_t server) {
  if (CheckTask* task = tasks_[backend][server].get()) task->hurry();
}

void Checker::refused(std::size_t backend, std::size_t row) {
  Backend& b = state_.backends[backend];
  log_.write(observe::Level::warn, "server " + b.servers[row].full_name + " refused a connection: it gets no requests until " +
                                       (b.servers[row].checked ? "a check succeeds" : "one that tries it after a second succeeds"));
  if (CheckTask* task = tasks_[backend][row].get()) task->connection_failed();
  else wake_->after(std::chrono::milliseconds(1001));
}

}  // namespace balancer
