// SPDX-License-Identifier: BSD-2-Clause
// One request through cachenode. request → look_up → (hit) stream → settle; (miss) wait for the flight → stream, or handed: an answer
// that cannot be shared goes to the first; (pass) body → queue → upstream → answer. What is decided where: request_plan.h,
// use_stored.h, storable.h. Owner: the client's connection. Worker thread.
#pragma once

#include <optional>

#include "cachenode/cache_service.h"
#include "cachenode/cache_status.h"
#include "cachenode/request_plan.h"
#include "cachenode/store/body.h"
#include "cachenode/store/store.h"
#include "http/exchange.h"
#include "http/forwarded.h"
#include "http/ranges.h"
#include "http/relay.h"

namespace cachenode {

class CacheExchange final : public http::Exchange, private store::Asker {
 public:
  CacheExchange(CacheService& service, net::TaskOwner& owner, http::Stream stream, process::Pin pin);
  ~CacheExchange() override;

  // In the order in which they happen.
  enum class State : std::uint8_t {
    request,    // what to do with it
    look_up,    // is it stored, or being fetched?
    wait,       // for the head of a fetch
    stream,     // a stored or growing body flows to the client
    handed,     // the fetch's answer could not be shared and is ours
    body,       // pass: the request's body is complete, or enough of it is there
    queue,      // pass: waits for a connection to the origin
    upstream,   // pass: the origin has (or gets) the request
    answer,     // pass: its answer flows to the client
    settle,     // the last bytes leave
    ended,
  };

  // What the log and the counters need.
  struct Facts {
    Outcome outcome = Outcome::pass;
    base::Reason detail;               // why it was not a plain hit
    base::RecycledString detail_subject;        // what its subject views
    const char* cache_word = "";       // HIT MISS EXPIRED STALE BYPASS REVALIDATED UPDATING
    int status = 0;                    // sent to the client, 0: none
    int upstream_status = 0;
    bool asked_origin = false;
    bool https = false;
    base::Duration queued{}, connect{}, header{};
    base::TimePoint asked{};
    base::RecycledString client_ip;    // the effective client's
  };
  const Facts& facts() const { return facts_; }
  const Generation* generation() const { return pin_ ? &static_cast<const Generation&>(*pin_) : nullptr; }  // null: a tunnel
  std::string_view origin_address() const { return pin_ ? std::string_view(config().origin_address) : std::string_view(tunnel_origin_); }
  const base::Reason& why() const { return end_reason(); }
  // A 103 of the fetch that this exchange caused.
  void informational(const http::ResponseHead& head);

 protected:
  Step run() override;

 private:
  enum class Next : std::uint8_t { go_on, wait };

  const Compiled& config() const { return *generation()->compiled; }
  Origin& origin() const { return *generation()->origin; }

  // cache_exchange.cc
  Next run_request();
  Next run_look_up();
  Next run_wait();
  Next run_settle();
  Next go(State state);
  void take_claims();
  store::Intent intent();
  void begin_fetch(store::Ref<store::Flight> flight, store::Ref<store::Head> stored, bool leads);
  Next flight_failed();
  bool deliver_stale();
  bool only_if_cached() const;
  void set_detail(const base::ReasonRow& row, std::string_view subject = {});
  void leave_flight();
  void client_left();
  void finish(base::Reason reason);
  void selecting(std::string_view names, std::string& values) const override;
  Use judge(const Freshness& freshness, bool just_failed) const override;

  // cache_deliver.cc
  bool deliver(store::Ref<store::Head> object, CacheStatus status);
  bool answer_condition(const http::ResponseHead& stored, const CacheStatus& status, Seconds age);
  Next run_stream();
  Next run_handed();
  void dress(http::ResponseHead& head, const CacheStatus& status, std::optional<Seconds> age);
  void answer_own(const base::Error& error);

  // cache_pass.cc
  Next begin_pass(const char* forward);
  Next run_body();
  Next run_queue();
  Next run_upstream();
  Next run_answer();
  void send(std::unique_ptr<http::Slot> slot);
  Next attempt_failed();
  void answer_head();
  void let_go();                       // of the generation: a tunnel may last for hours
  void invalidate_after(const http::ResponseHead& answer);
  bool repeatable() const;
  void prepare_head(http::RequestHead& head);
  Next run_purge();

  CacheService& service_;
  process::Pin pin_;                   // goes last
  base::Handle handle_;
  State state_ = State::request;
  Facts facts_;
  base::Reason end_;
  http::EffectiveClient client_;
  base::RecycledString cookies_;
  RequestPlan plan_;
  mutable observe::LastReason use_why_;

  // look-up
  store::Ref<store::Flight> flight_;
  store::Ref<store::Head> stale_;      // what was found but must be validated
  const base::ReasonRow* miss_ = nullptr;
  store::Waiter waiter_;
  base::Handle fetch_;                 // the one that we lead
  bool leads_ = false;
  unsigned rounds_ = 0;                // look-ups so far
  bool alone_ = false;                 // what was waited for could not be shared
  bool passed_back_ = false;           // asked again with credentials

  // delivery
  store::Ref<store::Head> object_;
  store::BodyReader reader_;

  // pass
  std::optional<http::Ticket> ticket_;
  std::unique_ptr<http::Lease> lease_;
  http::Relay relay_;
  const char* forward_ = nullptr;
  unsigned attempts_ = 0;
  std::string tunnel_origin_;          // address
};

}  // namespace cachenode
