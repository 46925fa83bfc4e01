// SPDX-License-Identifier: BSD-2-Clause
// A fetch: one request to the origin on behalf of everybody who asks the same. It belongs to the key, not to its first client, and
// outlives it. Owner: the worker's FetchTable. Worker thread.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>

#include "base/handle.h"
#include "cachenode/generation.h"
#include "cachenode/request_plan.h"
#include "cachenode/storable.h"
#include "cachenode/store/store.h"
#include "http/admission.h"
#include "http/upstream_pool.h"
#include "net/task.h"

namespace cachenode {

class CacheService;

// What a fetch takes from the request that caused it; nothing of it refers to the request.
struct FetchOrder {
  process::Pin pin;                   // the request's generation: rules and limits are its
  store::Ref<store::Flight> flight;
  store::Ref<store::Head> stored;     // stale: to be validated, and to be used if the origin fails
  http::RequestHead request;          // fetch_request(); without validators
  const Rule* request_rule = nullptr;
  std::string public_path;
  std::string host;
  bool credentials_removed = false;
  base::Handle leader;                // exchange of this worker; none for a refresh in the background
};

class Fetch final : public net::Task {
 public:
  Fetch(CacheService& service, net::TaskOwner& owner, FetchOrder order);
  ~Fetch() override;
  base::Handle handle;

  // The answer could not be shared and is for the first client, who takes it over: head first, then it pulls from the lease.
  bool handed() const { return state_ == State::handed; }
  http::ResponseHead take_answer() { return std::move(answer_); }
  http::Lease& lease() { return *lease_; }
  void dismiss();                     // the first client is done with it, or gone

  struct Facts {
    base::Duration queued{}, connect{}, header{};
    int status = 0;
    std::uint32_t attempts = 0;
  };
  const Facts& facts() const { return facts_; }

 protected:
  Step run() override;

 private:
  enum class State : std::uint8_t { begin, queue, head, body, handed, ended };
  enum class Next : std::uint8_t { go_on, wait };
  Next run_begin();
  Next run_queue();
  Next run_head();
  Next run_body();
  void send(std::unique_ptr<http::Slot> slot);
  Next head_failed();
  void judge(http::ResponseHead answer);
  void not_modified(const http::ResponseHead& answer);
  bool keep_stale(int status);
  StoreDecision decide(const http::ResponseHead& answer, std::optional<std::uint64_t> length);
  store::Ref<store::Head> make_head(const http::ResponseHead& answer, const StoreDecision& decision, const Rule* answer_rule);
  void store_body(const http::ResponseHead& answer, const StoreDecision& decision);
  void hand_over(http::ResponseHead answer, const base::ReasonRow& why, Seconds marker, bool ask_again);
  Next body_ended();
  bool append_pending();
  void outgrown(const base::ReasonRow& why);
  void fail(const base::Reason& why, int system);
  void end();
  const Rule* rule_for(const http::ResponseHead& answer) const;
  const Generation& generation() const { return static_cast<const Generation&>(*order_.pin); }
  const Compiled& config() const { return *generation().compiled; }

  CacheService& service_;
  FetchOrder order_;
  State state_ = State::begin;
  http::Ticket ticket_;
  std::unique_ptr<http::Lease> lease_;
  bool conditional_ = false;
  bool flight_over_ = false;
  base::TimePoint asked_{};
  Facts facts_;
  const Rule* answer_rule_ = nullptr;
  http::ResponseHead answer_;          // handed over
  store::Ref<store::Head> candidate_;
  net::Buffer pending_;                // pulled, not yet appended
  bool window_ = false;
  const base::ReasonRow* window_why_ = nullptr;
  store::Waiter space_;
};

// All fetches of a worker.
class FetchTable final : public net::TaskOwner {
 public:
  explicit FetchTable(CacheService& service) : service_(service) {}
  base::Handle start(FetchOrder order);
  Fetch* find(base::Handle handle) { return handles_.find(handle); }
  std::size_t size() const { return fetches_.size(); }
  void reap(net::Task& child) override;
  void clear();

 private:
  CacheService& service_;
  base::HandleTable<Fetch> handles_;
  std::unordered_map<net::Task*, std::unique_ptr<Fetch>> fetches_;
};

}  // namespace cachenode
