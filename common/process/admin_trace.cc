// SPDX-License-Identifier: BSD-2-Clause
#include "process/admin_trace.h"

#include <fmt/core.h>

#include <algorithm>

#include "net/mailbox.h"

namespace process {
namespace {

using namespace std::chrono_literals;
constexpr base::Duration patience = 2s;

std::vector<http::TraceRecord> look(const TraceQuestion& question) {
  const http::TraceRings* rings = http::TraceRings::of_this_thread();
  if (!rings) return {};
  using Which = http::TraceRings::Which;
  switch (question.what) {
    case TraceQuestion::What::recent: return rings->list(Which::recent, question.limit);
    case TraceQuestion::What::failed: return rings->list(Which::failed, question.limit);
    case TraceQuestion::What::one: return rings->find(question.id);
    case TraceQuestion::What::slow: break;
  }
  // Nothing was slow: then the slowest of those that are left.
  if (rings->count(Which::slow)) return rings->list(Which::slow, question.limit);
  auto all = rings->list(Which::recent, http::TraceRings::recent_size);
  const auto longer = [](const http::TraceRecord& a, const http::TraceRecord& b) { return a.total > b.total; };
  const std::size_t wanted = std::min(all.size(), question.limit);
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(wanted), all.end(), longer);
  all.resize(wanted);
  return all;
}

}  // namespace

// One question on its way. Workers hold it by messages, so that it may end before they answer.
class AdminTrace::Query final : public net::Task, public std::enable_shared_from_this<Query> {
 public:
  Query(AdminTrace& owner, TraceQuestion question, std::shared_ptr<LaterReply> later)
      : Task(owner.control_.loop(), owner), question_(std::move(question)), later_(std::move(later)), waiting_(owner.workers_.size(), true) {
    set_deadline_after(patience);
  }
  ~Query() override = default;

  void begin(net::Thread& control, const std::vector<net::Thread*>& workers) {
    for (std::size_t i = 0; i < workers.size(); ++i)
      workers[i]->post([&control, i, question = question_, self = weak_from_this()] {
        control.post([self, i, records = look(question)]() mutable {
          if (const auto query = self.lock()) query->answered(i, std::move(records));
        });
      });
    if (workers.empty()) ring();
  }

 protected:
  Step run() override {
    const auto silent = static_cast<std::size_t>(std::count(waiting_.begin(), waiting_.end(), true));
    if (silent > 0 && !deadline_passed()) return Step::wait;
    std::string missing;
    for (std::size_t i = 0; i < waiting_.size(); ++i)
      if (waiting_[i]) missing += (missing.empty() ? "" : ", ") + std::to_string(i);
    trace_answer(question_, std::move(records_), missing, later_->reply);
    later_->finish();
    return Step::closed;
  }

 private:
  void answered(std::size_t worker, std::vector<http::TraceRecord> records) {
    waiting_[worker] = false;
    records_.insert(records_.end(), records.begin(), records.end());
    ring();
  }
  TraceQuestion question_;
  std::shared_ptr<LaterReply> later_;
  std::vector<bool> waiting_;
  std::vector<http::TraceRecord> records_;
};

AdminTrace::AdminTrace(net::Thread& control, std::vector<net::Thread*> workers) : control_(control), workers_(std::move(workers)) {}
AdminTrace::~AdminTrace() = default;

void AdminTrace::ask(AdminArguments arguments, Reply& reply) {
  TraceQuestion question;
  if (!parse_trace(arguments, question)) return reply.error("trace takes [slow|failed] [N], or the ID of one exchange");
  auto query = std::make_shared<Query>(*this, std::move(question), reply.later(2 * patience));
  queries_.emplace(query.get(), query);
  query->begin(control_, workers_);
}

}  // namespace process
