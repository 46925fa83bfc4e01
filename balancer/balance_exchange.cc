// SPDX-License-Identifier: BSD-2-Clause
#include "balancer/balance_exchange.h"

#include <cstring>

#include "balancer/balance_service.h"
#include "balancer/own_answer.h"
#include "base/check.h"
#include "http/engine_reasons.h"
#include "http/hop_by_hop.h"
#include "http/via.h"

namespace balancer {
namespace {

// No server is asked for before so much of a body is here: a slow upload must not hold a place.
constexpr std::size_t body_before_admission = 64 * 1024;

std::int64_t milliseconds(base::Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); }

Failure failure_of(const http::Lease& lease) {
  const base::Error& error = lease.error();
  namespace r = http::reasons;
  if (!lease.bytes_sent() && error.retry) return Failure::connect;
  if (error.reason.is(r::upstream_empty_response) || error.reason.is(r::upstream_keepalive_closed)) return Failure::empty;
  if (error.reason.is(r::upstream_first_byte_timeout) || error.reason.is(r::upstream_between_bytes_timeout) || error.reason.is(r::upstream_write_timeout))
    return Failure::timeout;
  return lease.began_answer() ? Failure::cut : Failure::protocol;
}

// HAProxy's second letter: in which phase it ended.
const char* failure_termination(Failure failure) {
  switch (failure) {
    case Failure::connect: return "SC";
    case Failure::timeout: return "sH";
    case Failure::protocol: return "PH";
    default: return "SH";
  }
}

}  // namespace

BalanceExchange::BalanceExchange(BalanceService& service, net::TaskOwner& owner, http::Stream stream)
    : Exchange(service.loop(), owner, std::move(stream)), service_(service), pin_(service.generations().pin()) {
  const auto& generation = static_cast<const Generation&>(*pin_);
  plan_ = generation.plan.get();
  facts_.frontend = static_cast<const Frontend*>(generation.listener_view(stream_.connection->listener->id));
  CHECK(facts_.frontend);
  facts_.frontend->state->sessions.enter();
}

BalanceExchange::~BalanceExchange() {
  if (state_ != State::ended) finish({&reason::stopped});
}

const Generation& BalanceExchange::generation() const { return static_cast<const Generation&>(pin_ ? *pin_ : service_.generations().current()); }

void BalanceExchange::let_go_of_generation() {
  own_frontend_ = facts_.frontend->shared_from_this();
  own_backend_ = facts_.backend->shared_from_this();
  plan_ = nullptr;
  pin_.release();
}

net::Task::Step BalanceExchange::run() {
  for (;;) {
    Next next = Next::wait;
    switch (state_) {
      case State::route: next = run_route(); break;
      case State::body: next = run_body(); break;
      case State::admission: next = run_admission(); break;
      case State::queue: next = run_queue(); break;
      case State::upstream: next = run_upstream(); break;
      case State::answer: next = run_answer(); break;
      case State::settle: next = run_settle(); break;
      case State::ended: return Step::closed;
    }
    if (next == Next::wait) return Step::wait;
  }
}

BalanceExchange::Next BalanceExchange::go(State state) {
  static constexpr const char* names[] = {"route", "body", "admission", "queue", "upstream", "answer", "settle", "ended"};
  state_ = state;
  note(names[static_cast<std::size_t>(state)]);
  return Next::go_on;
}

// --- body, admission, queue ---

BalanceExchange::Next BalanceExchange::run_body() {
  http::RequestBody& body = *stream_.body;
  if (stream_.sink->gone()) {
    client_left(reason::client_left, "CR");
    return Next::go_on;
  }
  if (body.state() == http::RequestBody::State::failed) {
    facts_.frontend->state->counters.of(service_.worker()).request_errors.add();
    answer_own(body.error(), "PR");
    return Next::go_on;
  }
  const bool asks_first = body.expects_continue();  // the server's 100 comes back through us
  const bool enough = body.available() >= body_before_admission || body.stalled() || asks_first || stream_.upgrade_websocket;
  if (body.state() != http::RequestBody::State::complete && !enough) return Next::wait;
  facts_.queued = now();
  return go(State::admission);
}

BalanceExchange::Next BalanceExchange::run_admission() {
  const Backend& backend = *facts_.backend;
  if (!ticket_) ticket_.emplace(service_.desk(), this);
  const bool again = ticket_->arrival() != 0;
  if (again) facts_.queued = now();
  // Looked up in the step that enters, not earlier: the index may be another server's by then.
  else named_ = find_named();
  switch (backend.state->book.enter(*ticket_, {.row = again ? http::no_row : named_.row, .again = again}, now())) {
    case http::Admission::Entry::granted: take_granted(); return Next::go_on;
    case http::Admission::Entry::queued:
      facts_.queue_ahead = ticket_->ahead();
      set_deadline(facts_.queued + backend.queue_timeout);
      return go(State::queue);
    case http::Admission::Entry::refused: break;
  }
  answer_own({{ticket_->refusal(), static_cast<std::int64_t>(backend.options.queue.max_waiting), 0, backend.name()}, base::Side::upstream}, "SQ");
  return Next::go_on;
}

BalanceExchange::Next BalanceExchange::run_queue() {
  const Backend& backend = *facts_.backend;
  if (stream_.sink->gone() || (stream_.sink->half_closed() && backend.options.queue.abort_on_client_close)) {
    ticket_->cancel();
    backend_counters().queue_left.add();
    client_left(reason::left_queue, "CQ");
    return Next::go_on;
  }
  if (ticket_->state() == http::Ticket::State::granted) {
    take_granted();
    return Next::go_on;
  }
  if (ticket_->state() == http::Ticket::State::refused) {
    answer_own({{ticket_->refusal(), 0, 0, backend.name()}, base::Side::upstream}, "SQ");
    return Next::go_on;
  }
  if (!deadline_passed()) return Next::wait;
  ticket_->cancel();
  backend_counters().queue_timeouts.add();
  answer_own({{&http::admission_reason::queue_timeout, milliseconds(now() - facts_.queued), 0, backend.name()}, base::Side::upstream}, "sQ");
  return Next::go_on;
}

void BalanceExchange::take_granted() {
  const Backend& backend = *facts_.backend;
  std::unique_ptr<http::Slot> slot = ticket_->take_slot();
  auto* asked = static_cast<Server*>(slot->owner());
  if (facts_.server && facts_.server.get() != asked) {
    facts_.redispatched = true;
    backend_counters().redispatches.add();
  }
  if (facts_.server.get() != asked) facts_.server = asked->shared_from_this();
  facts_.admitted = now();
  facts_.queue_time += now() - facts_.queued;
  row_ = slot->id();
  trial_ = slot->trial();
  facts_.server_sessions = slot->used();
  server_counters().requests.add();
  if (facts_.sent == base::TimePoint{}) facts_.sent = now();
  const bool has_body = !stream_.body->none();
  // Only what may be repeated is sent on a connection that the server may be closing at this moment; a repetition takes no chance.
  const bool any = repeatable(stream_.head.method(), has_body) && facts_.retries == 0;
  std::shared_ptr<const http::Endpoint> endpoint = slot->endpoint();
  lease_ = service_.pool().lease(std::move(endpoint), *this, stream_.head.method(), any ? http::Reuse::any : http::Reuse::none, std::move(slot));
  relay_.reset();
  lease_->send_head(stream_.head, http::request_framing(*stream_.body), stream_.upgrade_websocket);
  set_deadline(facts_.sent + backend.server_timeout);  // all attempts together
  go(State::upstream);
}

// --- upstream ---

BalanceExchange::Next BalanceExchange::run_upstream() {
  if (stream_.sink->gone()) {
    lease_.reset();
    client_left(reason::client_left, "CH");
    return Next::go_on;
  }
  while (lease_->interim_ready()) stream_.sink->informational(lease_->take_interim());
  // Before anything more of the request moves: after a 101 the request's end is not the tunnel's.
  if (lease_->head_ready()) {
    answer_head();
    return Next::go_on;
  }
  const auto pumped = relay_.pump_request(stream_, *lease_);
  if (lease_->state() == http::Lease::State::failed) return attempt_failed();
  if (pumped == http::Relay::Outcome::request_failed) {
    lease_.reset();
    answer_own(stream_.body->error(), "CH");
    return Next::go_on;
  }
  if (!deadline_passed()) return Next::wait;
  server_counters().response_errors.add();
  lease_.reset();
  answer_own({{&http::reasons::upstream_first_byte_timeout, milliseconds(facts_.backend->server_timeout)}, base::Side::upstream}, "sH");
  return Next::go_on;
}

BalanceExchange::Next BalanceExchange::attempt_failed() {
  const Backend& backend = *facts_.backend;
  const Failure failure = failure_of(*lease_);
  base::Error error = lease_->error();
  if (failure == Failure::connect) {
    ++facts_.connects;
    server_counters().connect_errors.add();
  } else {
    server_counters().response_errors.add();
  }
  // Whatever else was kept alive to it is as dead.
  if (failure == Failure::connect || failure == Failure::empty) service_.pool().close_idle(lease_->endpoint());
  const FailedAttempt attempt{.failure = failure,
                              .method = stream_.head.method(),
                              .has_body = !stream_.body->none(),
                              .bytes_sent = lease_->bytes_sent(),
                              .began_answer = lease_->began_answer(),
                              .body_taken = relay_.request_bytes() > 0,
                              .retries = facts_.retries,
                              .connects = facts_.connects,
                              .rows = backend.state->server_count.load(std::memory_order_relaxed),
                              .server = server_name()};
  lease_.reset();
  observe::LastReason why;
  if (may_retry(backend.retries, attempt, why) && now() < facts_.sent + backend.server_timeout) {
    if (failure != Failure::connect) ++facts_.retries;
    server_counters().retries.add();
    return go(State::admission);
  }
  answer_own(error, failure_termination(failure));
  return Next::go_on;
}

void BalanceExchange::answer_head() {
  const Backend& backend = *facts_.backend;
  http::ResponseHead head = lease_->take_head();
  clear_deadline();
  facts_.answered = now();
  facts_.connect_time = lease_->connect_time();
  facts_.reused = lease_->reused();
  facts_.status = facts_.upstream_status = head.status();
  (facts_.reused ? server_counters().reuses : server_counters().connects).add();
  if (trial_) backend.state->book.succeeded(row_, now());
  const auto length = http::answer_length(*lease_, head, stream_.head.method());
  observe::LastReason why;
  if (!backend.cookie.name.empty() && insert_cookie(backend.cookie, head, named_ == row_ ? row_.row : http::no_row, row_.row, only_if_, why)) {
    facts_.cookie_set = true;
    head.add(http::Token::set_cookie, cookie_text(backend.cookie, server()->name));
    if (backend.cookie.insert_on == InsertOn::always && !says_private(head)) head.add(http::Token::cache_control, "private");
  }
  http::remove_hop_by_hop(head);
  http::append_via(head, head.minor_version() == 0 ? "1.0" : "1.1", plan_->via_name);
  if (lease_->must_close()) stream_.sink->close_after();
  tunnel_ = lease_->state() == http::Lease::State::tunnel;
  if (tunnel_) let_go_of_generation();
  if (tunnel_) stream_.sink->switch_to_tunnel(std::move(head));
  else stream_.sink->head(std::move(head), length);
  go(State::answer);
}

// --- answer ---

BalanceExchange::Next BalanceExchange::run_answer() {
  switch (relay_.pump(stream_, *lease_)) {
    case http::Relay::Outcome::flowing: return Next::wait;
    case http::Relay::Outcome::answered:
      lease_.reset();
      end_ = {tunnel_ ? &reason::tunnel_ended : &reason::done};
      return go(State::settle);
    case http::Relay::Outcome::client_gone:
      lease_.reset();
      client_left(reason::client_cut, "CD");
      return Next::go_on;
    case http::Relay::Outcome::request_failed:
      end_ = stream_.body->error().reason;
      std::memcpy(facts_.termination, "CD", 2);
      break;
    case http::Relay::Outcome::upstream_failed: {
      end_ = lease_->error().reason;
      const bool slow = failure_of(*lease_) == Failure::timeout;
      std::memcpy(facts_.termination, slow ? "sD" : "SD", 2);
      if (!tunnel_) server_counters().server_aborts.add();
      break;
    }
  }
  lease_.reset();
  // What is incomplete must not look complete.
  stream_.sink->abort();
  return go(State::settle);
}

BalanceExchange::Next BalanceExchange::run_settle() {
  if (!stream_.sink->settled() && !stream_.sink->gone()) return Next::wait;
  if (stream_.sink->gone() && (end_.is(reason::done) || !end_)) {
    end_ = {&reason::client_cut};
    std::memcpy(facts_.termination, "CD", 2);
  }
  finish(end_);
  go(State::ended);
  return Next::go_on;
}

void BalanceExchange::answer_own(base::Error error, const char* termination) {
  std::memcpy(facts_.termination, termination, 2);
  clear_deadline();
  end_ = error.reason;
  OwnAnswer answer = error_answer(error, server_name(), facts_.backend ? &facts_.backend->error_pages : nullptr);
  facts_.status = answer.head.status();
  stream_.body->discard();
  stream_.sink->head(std::move(answer.head), answer.body.size());
  if (stream_.head.method() != http::Method::head) stream_.sink->copy(answer.body);
  stream_.sink->end();
  go(State::settle);
}

void BalanceExchange::client_left(const base::ReasonRow& row, const char* termination) {
  std::memcpy(facts_.termination, termination, 2);
  if (facts_.backend) backend_counters().client_aborts.add();
  if (server()) server_counters().client_aborts.add();
  if (!stream_.sink->committed()) facts_.status = 499;
  end_ = {&row};
  stream_.sink->abort();
  go(State::settle);
}

void BalanceExchange::finish(base::Reason why) {
  record_end(why);
  state_ = State::ended;
  facts_.frontend->state->sessions.leave();
  if (facts_.backend) facts_.backend->state->sessions.leave();
  service_.finished(*this);
}

Counters& BalanceExchange::backend_counters() { return facts_.backend->state->counters.of(service_.worker()); }
Counters& BalanceExchange::server_counters() { return server()->counters.of(service_.worker()); }

}  // namespace balancer
