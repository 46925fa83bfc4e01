// SPDX-License-Identifier: BSD-2-Clause
#include "cachenode/fetch.h"

#include <algorithm>

#include "cachenode/answer_head.h"
#include "cachenode/cache_exchange.h"
#include "cachenode/cache_service.h"
#include "cachenode/rules.h"
#include "http/dates.h"
#include "http/engine_reasons.h"
#include "http/hop_by_hop.h"

namespace cachenode {

namespace {

constexpr base::Duration stall_before_cut = std::chrono::seconds(5);
constexpr std::size_t bytes_a_run = 256 * 1024;
// Misses go behind passes in the origin's queue.
constexpr int miss_priority = 1;

std::int64_t milliseconds(base::Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); }

}  // namespace

Fetch::Fetch(CacheService& service, net::TaskOwner& owner, FetchOrder order)
    : net::Task(service.loop(), owner), service_(service), order_(std::move(order)), ticket_(service.desk(), this) {
  space_.task = this;
}

Fetch::~Fetch() {
  if (!flight_over_) fail({&reasons::shut_down}, 0);
}

net::Task::Step Fetch::run() {
  for (;;) {
    Next next = Next::wait;
    switch (state_) {
      case State::begin: next = run_begin(); break;
      case State::queue: next = run_queue(); break;
      case State::head: next = run_head(); break;
      case State::body: next = run_body(); break;
      case State::handed:
        if (CacheExchange* leader = service_.exchange(order_.leader)) leader->ring();
        return Step::wait;
      case State::ended: return Step::closed;
    }
    if (next == Next::wait) return Step::wait;
  }
}

// --- asking ---

Fetch::Next Fetch::run_begin() {
  asked_ = now();
  ++facts_.attempts;
  switch (generation().origin->book.enter(ticket_, {.priority = miss_priority, .again = facts_.attempts > 1}, now())) {
    case http::Admission::Entry::granted: send(ticket_.take_slot()); return Next::go_on;
    case http::Admission::Entry::queued:
      state_ = State::queue;
      set_deadline(asked_ + config().queue_timeout);
      return Next::go_on;
    case http::Admission::Entry::refused: break;
  }
  fail({ticket_.refusal(), static_cast<std::int64_t>(generation().origin->book.totals().waiting)}, 0);
  return Next::go_on;
}

Fetch::Next Fetch::run_queue() {
  if (ticket_.state() == http::Ticket::State::granted) {
    clear_deadline();
    send(ticket_.take_slot());
    return Next::go_on;
  }
  if (ticket_.state() == http::Ticket::State::refused) {
    fail({ticket_.refusal()}, 0);
    return Next::go_on;
  }
  if (!deadline_passed()) return Next::wait;
  ticket_.cancel();
  fail({&reasons::queue_timeout, milliseconds(now() - asked_), 0, config().origin}, 0);
  return Next::go_on;
}

void Fetch::send(std::unique_ptr<http::Slot> slot) {
  facts_.queued += now() - asked_;
  const http::Reuse reuse = facts_.attempts > 1 ? http::Reuse::fresh : http::Reuse::any;
  lease_ = service_.pool().lease(generation().endpoint, *this, http::Method::get, reuse, std::move(slot));
  http::RequestHead request = order_.request;
  conditional_ = false;
  if (order_.stored) {
    const http::ResponseHead& stored = order_.stored->response;
    if (const auto etag = stored.get(http::Token::etag)) request.add(http::Token::if_none_match, *etag);
    if (const auto modified = stored.get(http::Token::last_modified)) request.add(http::Token::if_modified_since, *modified);
    conditional_ = stored.has(http::Token::etag) || stored.has(http::Token::last_modified);
  }
  lease_->send_head(request, {});
  lease_->finish_body();
  state_ = State::head;
}

// --- the head ---

Fetch::Next Fetch::run_head() {
  while (lease_->interim_ready()) {
    const http::ResponseHead interim = lease_->take_interim();
    CacheExchange* leader = service_.exchange(order_.leader);
    if (leader && interim.status() == 103) leader->informational(interim);
  }
  if (lease_->head_ready()) {
    facts_.connect = lease_->connect_time();
    facts_.header = lease_->head_at() - lease_->sent_at();
    http::ResponseHead answer = lease_->take_head();
    facts_.status = answer.status();
    judge(std::move(answer));
    return Next::go_on;
  }
  if (lease_->state() == http::Lease::State::failed) return head_failed();
  return Next::wait;
}

// Repeated only where a kept-alive connection turned out to be closed.
Fetch::Next Fetch::head_failed() {
  const base::Error error = lease_->error();
  const bool again = error.retry && lease_->reused() && !lease_->began_answer() && facts_.attempts < 3;
  lease_.reset();
  if (again) {
    state_ = State::begin;
    return Next::go_on;
  }
  service_.count_fetch("failed");
  fail(error.reason, error.system);
  return Next::go_on;
}

const Rule* Fetch::rule_for(const http::ResponseHead& answer) const {
  observe::LastReason why;
  return find_rule(config().policy.rules, RuleView{order_.public_path, order_.host, order_.request, &answer}, true, why);
}

StoreDecision Fetch::decide(const http::ResponseHead& answer, std::optional<std::uint64_t> length) {
  answer_rule_ = rule_for(answer);
  AnswerView view{order_.request, answer, length};
  view.request_rule = order_.request_rule;
  view.answer_rule = answer_rule_;
  view.credentials_removed = order_.credentials_removed;
  view.now = now();
  view.now_wall = loop().clock().unix_seconds();
  view.response_delay = whole_seconds(now() - asked_);
  observe::LastReason why;
  StoreDecision decision = storable(config().policy, view, why);
  if (order_.flight->settle_until != base::TimePoint{}) decision.freshness.kept_until = order_.flight->settle_until;
  return decision;
}

// The origin answers that it fails, and something stored may be used instead.
bool Fetch::keep_stale(int status) {
  if (!is_failure_status(status) || !order_.stored) return false;
  observe::LastReason why;
  return use_stored(UseView{order_.stored->freshness, now(), true}, why) == Use::stale;
}

void Fetch::judge(http::ResponseHead answer) {
  const int status = answer.status();
  if (status == 304) {
    if (!conditional_) {
      lease_.reset();
      return fail({&reasons::origin_unasked_304}, 0);
    }
    return not_modified(answer);
  }
  if (keep_stale(status)) {
    lease_.reset();
    service_.count_fetch("failed");
    return fail({&reasons::keep_error_status, status}, 0);
  }
  const StoreDecision decision = decide(answer, lease_->length());
  if (decision.store) return store_body(answer, decision);
  hand_over(std::move(answer), *decision.why, decision.marker, decision.ask_again);
}

store::Ref<store::Head> Fetch::make_head(const http::ResponseHead& answer, const StoreDecision& decision, const Rule* answer_rule) {
  http::ResponseHead kept = kept_head(config().policy, answer, order_.request_rule, answer_rule, decision.client_cache_control);
  if (!kept.has(http::Token::date)) kept.add(http::Token::date, http::http_date(loop().clock()));
  std::string names = vary_names(answer);
  std::string values;
  selecting_values(names, order_.request, values);
  http::ResponseHead control = control_fields(answer);
  store::Ref<store::Head> head = service_.store().new_head(kept, names.size() + values.size() + control.bytes());
  if (!head) return head;
  head->control = std::move(control);
  head->vary_names = std::move(names);
  head->vary_values = std::move(values);
  head->freshness = decision.freshness;
  return head;
}

void Fetch::store_body(const http::ResponseHead& answer, const StoreDecision& decision) {
  candidate_ = make_head(answer, decision, answer_rule_);
  if (!candidate_) {
    http::ResponseHead copy = answer;
    return hand_over(std::move(copy), reasons::keep_no_memory, 0, false);
  }
  candidate_->length = lease_->length();
  candidate_->body = service_.store().new_body(lease_->length().value_or(0));
  order_.flight->answer_status = answer.status();
  state_ = State::body;
  service_.count_fetch("stored");
  service_.store().streaming(*order_.flight, candidate_, service_.worker());
}

void Fetch::not_modified(const http::ResponseHead& answer) {
  http::ResponseHead merged;
  const http::ResponseHead before = with_control_fields(order_.stored->response, order_.stored->control);
  if (!merge_not_modified(before, answer, merged)) {
    // It speaks of something else: asked again without validators.
    lease_.reset();
    order_.stored.reset();
    state_ = State::begin;
    return;
  }
  lease_.reset();
  const StoreDecision decision = decide(merged, order_.stored->length);
  candidate_ = decision.store ? make_head(merged, decision, answer_rule_) : store::Ref<store::Head>();
  if (!candidate_) {
    // Valid but no longer storable (or no memory): only an answer of its own can be given to anybody.
    order_.stored.reset();
    state_ = State::begin;
    return;
  }
  candidate_->body = order_.stored->body;
  candidate_->length = order_.stored->length;
  order_.flight->answer_status = 304;
  service_.count_fetch("validated");
  service_.store().streaming(*order_.flight, candidate_, service_.worker());
  flight_over_ = true;
  service_.store().publish(*order_.flight, now(), service_.worker());
  end();
}

void Fetch::hand_over(http::ResponseHead answer, const base::ReasonRow& why, Seconds marker, bool ask_again) {
  service_.count_fetch(why.name);
  order_.flight->answer_status = answer.status();
  order_.flight->ask_again = ask_again;
  answer_ = std::move(answer);
  CacheExchange* leader = service_.exchange(order_.leader);
  state_ = State::handed;
  flight_over_ = true;
  service_.store().uncacheable(*order_.flight, why, std::chrono::seconds(marker), now(), service_.worker());
  if (!leader) return end();
  leader->ring();
}

void Fetch::dismiss() {
  if (state_ != State::handed) return;
  end();
  ring();
}

// --- the body ---

Fetch::Next Fetch::run_body() {
  store::Body& body = *candidate_->body;
  std::size_t budget = bytes_a_run;
  for (;;) {
    if (!pending_.empty() && !append_pending()) break;
    if (window_ && body.readers() == 0) {
      // Not to be stored, and nobody reads: the rest is the pool's to drop.
      body.break_off(service_.worker());
      fail({&http::reasons::client_left}, 0);
      return Next::go_on;
    }
    if (lease_->available() > 0) {
      if (budget == 0) {
        ring();
        return Next::wait;
      }
      const std::size_t before = pending_.size();
      lease_->pull(pending_, std::min<std::size_t>(budget, 64 * 1024));
      budget -= std::min(budget, pending_.size() - before);
      continue;
    }
    if (lease_->state() == http::Lease::State::complete || lease_->state() == http::Lease::State::failed) return body_ended();
    return Next::wait;
  }
  // A window is full: the slowest reader paces us, but not for ever while others wait.
  body.arm_space(service_.worker(), space_);
  if (!body.window_full()) return Next::go_on;
  if (deadline_passed()) {
    clear_deadline();
    if (body.cut_slowest(service_.worker())) {
      service_.count_fetch("reader-cut");
      return Next::go_on;
    }
  }
  if (deadline() == base::TimePoint::max() && body.readers() > 1) set_deadline_after(stall_before_cut);
  return Next::wait;
}

// False: the window is full.
bool Fetch::append_pending() {
  store::Body& body = *candidate_->body;
  while (!pending_.empty()) {
    const std::string_view front = pending_.front();
    const std::size_t taken = body.append(front, service_.worker());
    pending_.consume(taken);
    if (taken > 0) clear_deadline();
    if (!window_ && body.published() > config().policy.max_object) {
      outgrown(reasons::keep_too_large);
    } else if (taken < front.size() && !window_) {
      outgrown(reasons::keep_no_memory);
    } else if (taken < front.size()) {
      if (body.window_full()) return false;
    }
  }
  return true;
}

void Fetch::outgrown(const base::ReasonRow& why) {
  window_ = true;
  window_why_ = &why;
  service_.store().close_to_newcomers(*order_.flight);
  candidate_->body->become_window();
}

Fetch::Next Fetch::body_ended() {
  store::Body& body = *candidate_->body;
  if (lease_->state() == http::Lease::State::failed) {
    const base::Error error = lease_->error();
    lease_.reset();
    body.break_off(service_.worker());
    fail(error.reason, error.system);
    return Next::go_on;
  }
  lease_.reset();
  body.complete(service_.worker());
  flight_over_ = true;
  if (window_) {
    const Seconds marker = window_why_ == &reasons::keep_too_large ? config().policy.lifetime.uncacheable_ttl : 0;
    service_.store().uncacheable(*order_.flight, *window_why_, std::chrono::seconds(marker), now(), service_.worker());
  } else {
    service_.store().publish(*order_.flight, now(), service_.worker());
  }
  end();
  return Next::go_on;
}

void Fetch::fail(const base::Reason& why, int system) {
  flight_over_ = true;
  if (candidate_ && candidate_->body->end() == store::Body::End::open) candidate_->body->break_off(service_.worker());
  base::Reason lasting = why;
  // Read by other workers, later: a subject that may view an answer does not last.
  if (!why.is(reasons::queue_timeout)) lasting.subject = {};
  service_.store().fail(*order_.flight, lasting, system, now(), service_.worker());
  end();
}

void Fetch::end() {
  lease_.reset();
  state_ = State::ended;
  ring();
}

// --- the table ---

base::Handle FetchTable::start(FetchOrder order) {
  auto fetch = std::make_unique<Fetch>(service_, *this, std::move(order));
  Fetch* raw = fetch.get();
  raw->handle = handles_.add(raw);
  fetches_.emplace(raw, std::move(fetch));
  raw->ring();
  return raw->handle;
}

void FetchTable::reap(net::Task& child) {
  auto* fetch = static_cast<Fetch*>(&child);
  handles_.remove(fetch->handle);
  fetches_.erase(&child);
}

void FetchTable::clear() {
  for (auto& [task, fetch] : fetches_) handles_.remove(fetch->handle);
  fetches_.clear();
}

}  // namespace cachenode
