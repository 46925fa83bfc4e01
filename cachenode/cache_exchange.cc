// SPDX-License-Identifier: BSD-2-Clause
#include "cachenode/cache_exchange.h"

#include "cachenode/answer_head.h"
#include "cachenode/vary.h"
#include "http/cache_control.h"
#include "http/cookies.h"
#include "http/engine_reasons.h"
#include "http/reasons.h"

namespace cachenode {

namespace {

// A range that begins further in is not worth waiting for the whole.
constexpr std::uint64_t range_worth_waiting = 1024 * 1024;
// Look-ups of one request: after so many it goes alone.
constexpr unsigned look_ups = 4;

const char* forward_word(const base::ReasonRow* miss) {
  if (miss == &reasons::miss_vary) return "vary-miss";
  if (miss == &reasons::miss_stale) return "stale";
  return "uri-miss";
}

}  // namespace

CacheExchange::CacheExchange(CacheService& service, net::TaskOwner& owner, http::Stream stream, process::Pin pin)
    : Exchange(service.loop(), owner, std::move(stream)), service_(service), pin_(std::move(pin)) {
  waiter_.task = this;
}

CacheExchange::~CacheExchange() {
  if (state_ != State::ended) finish({&reasons::shut_down});
  if (handle_) service_.exchanges().remove(handle_);
}

net::Task::Step CacheExchange::run() {
  for (;;) {
    if (state_ < State::settle && stream_.sink->gone()) client_left();
    Next next = Next::wait;
    switch (state_) {
      case State::request: next = run_request(); break;
      case State::look_up: next = run_look_up(); break;
      case State::wait: next = run_wait(); break;
      case State::stream: next = run_stream(); break;
      case State::handed: next = run_handed(); break;
      case State::body: next = run_body(); break;
      case State::queue: next = run_queue(); break;
      case State::upstream: next = run_upstream(); break;
      case State::answer: next = run_answer(); break;
      case State::settle: next = run_settle(); break;
      case State::ended: return Step::closed;
    }
    if (next == Next::wait) return Step::wait;
  }
}

CacheExchange::Next CacheExchange::go(State state) {
  static constexpr const char* names[] = {"request", "look-up", "wait", "stream", "handed", "body", "queue", "upstream", "answer", "settle", "ended"};
  state_ = state;
  note(names[static_cast<std::size_t>(state)]);
  return Next::go_on;
}

void CacheExchange::set_detail(const base::ReasonRow& row, std::string_view subject) {
  facts_.detail_subject = subject;
  facts_.detail = {&row, 0, 0, facts_.detail_subject};
}

// --- request ---

// What only a trusted peer may say of its client is taken, or removed.
void CacheExchange::take_claims() {
  const auto& listener = *static_cast<const Listener*>(generation()->listener_view(stream_.connection->listener->id));
  const net::Address& peer = stream_.connection->peer->remote;
  client_.https = facts_.https = stream_.connection->listener->tls;
  if (listener.trusted->contains(peer)) {
    client_ = http::effective_client(stream_.head, peer, *listener.trusted, stream_.connection->listener->tls);
    facts_.client_ip = client_.ip;
    facts_.https = client_.https;
    return;
  }
  http::strip_claims(stream_.head);
  http::strip_identity_claims(stream_.head);
}

CacheExchange::Next CacheExchange::run_request() {
  http::RequestHead& head = stream_.head;
  if (is_purge_method(head.method_name())) return run_purge();
  take_claims();
  const std::size_t cookie_lines = head.count(http::Token::cookie);
  if (cookie_lines == 1) cookies_ = *head.get(http::Token::cookie);
  else if (cookie_lines > 1) cookies_ = http::joined_cookies(head);
  observe::LastReason why;
  RequestView view{head, cookies_, client_.https ? "https" : "http", client_.host};
  view.has_body = !stream_.body->none();
  view.upgrade = stream_.upgrade_websocket;
  plan_ = request_plan(config().policy, view, why);
  if (plan_.act == Act::refuse) {
    facts_.outcome = Outcome::refused;
    set_detail(*plan_.reason.row);
    answer_own({plan_.reason, base::Side::client});
    return Next::go_on;
  }
  if (plan_.act == Act::pass) {
    set_detail(*plan_.reason.row, plan_.reason.subject);
    return begin_pass(plan_.forward);
  }
  return go(State::look_up);
}

// --- look-up ---

void CacheExchange::selecting(std::string_view names, std::string& values) const { selecting_values(names, stream_.head, values); }

Use CacheExchange::judge(const Freshness& freshness, bool just_failed) const {
  return use_stored(UseView{freshness, now(), just_failed || origin().sick.load(std::memory_order_relaxed)}, use_why_);
}

bool CacheExchange::only_if_cached() const {
  return stream_.head.has(http::Token::cache_control) && http::cache_control_of(stream_.head).only_if_cached;
}

store::Intent CacheExchange::intent() {
  if (stream_.head.method() == http::Method::head) return store::Intent::join;
  if (stream_.head.has(http::Token::cache_control)) {
    const http::CacheControl control = http::cache_control_of(stream_.head);
    if (control.only_if_cached || control.no_store) return store::Intent::join;
  }
  if (const auto range = stream_.head.get(http::Token::range)) {
    http::OpenRange open;
    if (!http::single_range_without_size(*range, open) || open.first >= range_worth_waiting) return store::Intent::look;
  }
  return alone_ || rounds_ > look_ups ? store::Intent::alone : store::Intent::fetch;
}

CacheExchange::Next CacheExchange::run_look_up() {
  ++rounds_;
  const store::Intent wanted = intent();
  const store::KeyParts parts{plan_.key.key, plan_.key.purge.path, plan_.key.purge.host, plan_.key.query, plan_.key.has_query};
  store::Found found = service_.store().look_up(parts, *this, wanted, now());
  using Kind = store::Found::Kind;
  if (found.kind == Kind::hit) {
    CacheStatus status;
    status.hit = true;
    status.ttl = ttl_at(found.head->freshness, now());
    facts_.outcome = Outcome::hit;
    facts_.cache_word = "HIT";
    if (status.ttl <= 0) {
      status.detail = base::Reason{use_why_.last().row};
      set_detail(*use_why_.last().row);
      facts_.outcome = Outcome::stale;
      facts_.cache_word = "STALE";
    }
    if (found.refresh) begin_fetch(std::move(found.flight), found.head, false);
    deliver(std::move(found.head), status);
    return Next::go_on;
  }
  if (!miss_) miss_ = found.miss;
  if (wanted != store::Intent::fetch && wanted != store::Intent::alone && only_if_cached()) {
    set_detail(reasons::only_if_cached);
    facts_.outcome = Outcome::refused;
    answer_own({{&reasons::only_if_cached}, base::Side::client});
    return Next::go_on;
  }
  if (found.marker_why) set_detail(reasons::miss_marker, found.marker_why->name);
  switch (found.kind) {
    case Kind::join:
      if (wanted == store::Intent::look) break;
      flight_ = std::move(found.flight);
      stale_ = std::move(found.head);
      return go(State::wait);
    case Kind::lead:
    case Kind::marker:
      flight_ = found.flight;
      stale_ = found.head;
      begin_fetch(std::move(found.flight), std::move(found.head), true);
      return go(State::wait);
    case Kind::no_room:
      set_detail(reasons::miss_memory);
      break;
    default:
      stale_ = std::move(found.head);
      if (wanted == store::Intent::look) set_detail(reasons::miss_range);
      else if (stream_.head.method() == http::Method::head) set_detail(reasons::keep_head_request);
      else set_detail(reasons::keep_no_store);
      break;
  }
  return begin_pass(forward_word(found.miss));
}

void CacheExchange::begin_fetch(store::Ref<store::Flight> flight, store::Ref<store::Head> stored, bool leads) {
  if (!handle_) handle_ = service_.exchanges().add(this);
  FetchOrder order;
  order.pin = pin_.another();
  order.flight = std::move(flight);
  order.stored = std::move(stored);
  order.request = fetch_request(config().policy, stream_.head, plan_, nullptr);
  prepare_head(order.request);
  order.request_rule = plan_.rule;
  order.public_path = plan_.public_path;
  order.host = plan_.key.host;
  order.credentials_removed = plan_.identity.shared && plan_.identity.has_credentials;
  if (leads) order.leader = handle_;
  const base::Handle fetch = service_.fetches().start(std::move(order));
  if (!leads) return;
  leads_ = true;
  fetch_ = fetch;
  facts_.asked_origin = true;
  facts_.asked = now();
}

// --- wait ---

void CacheExchange::informational(const http::ResponseHead& head) {
  if (state_ == State::wait) stream_.sink->informational(head);
}

CacheExchange::Next CacheExchange::run_wait() {
  using Flying = store::Flight::State;
  Flying state = flight_->state();
  if (state == Flying::waiting) {
    flight_->cells->arm(service_.worker(), waiter_);
    state = flight_->state();
    if (state == Flying::waiting) return Next::wait;
  }
  if (leads_) {
    facts_.upstream_status = flight_->answer_status;
    if (const Fetch* fetch = service_.fetches().find(fetch_)) {
      facts_.queued = fetch->facts().queued;
      facts_.connect = fetch->facts().connect;
      facts_.header = fetch->facts().header;
    }
  }
  if (state == Flying::failed && !flight_->candidate) return flight_failed();
  if (state == Flying::uncacheable && !flight_->candidate) {
    if (leads_) {
      set_detail(*flight_->uncacheable_why);
      return go(State::handed);
    }
    alone_ = true;
    set_detail(reasons::miss_uncacheable, flight_->uncacheable_why->name);
    leave_flight();
    return go(State::look_up);
  }
  // There is a candidate, whatever became of the flight since.
  const store::Ref<store::Head> candidate = flight_->candidate;
  std::string values;
  if (!leads_ && !candidate->vary_names.empty()) selecting(candidate->vary_names, values);
  CacheStatus status;
  status.forward = forward_word(miss_);
  status.stored = true;
  status.collapsed = !leads_;
  if (flight_->answer_status != candidate->response.status()) status.forward_status = flight_->answer_status;
  facts_.outcome = !leads_ ? Outcome::collapsed : flight_->answer_status == 304 ? Outcome::revalidated : Outcome::miss;
  facts_.cache_word = flight_->answer_status == 304 ? "REVALIDATED" : miss_ == &reasons::miss_stale ? "EXPIRED" : "MISS";
  if (leads_ || values == candidate->vary_values) {
    if (deliver(candidate, status)) return Next::go_on;
    alone_ = true;  // a window takes no newcomers
  }
  leave_flight();
  return go(State::look_up);
}

// The origin fails: what is stored may be good enough.
bool CacheExchange::deliver_stale() {
  if (!stale_ || judge(stale_->freshness, true) != Use::stale) return false;
  CacheStatus status;
  status.hit = true;
  status.ttl = ttl_at(stale_->freshness, now());
  status.detail = base::Reason{use_why_.last().row};
  set_detail(*use_why_.last().row);
  facts_.outcome = Outcome::stale;
  facts_.cache_word = "STALE";
  return deliver(stale_, status);
}

CacheExchange::Next CacheExchange::flight_failed() {
  const base::Reason failure = flight_->failure;
  const int system = flight_->failure_system;
  leave_flight();
  if (deliver_stale()) return Next::go_on;
  facts_.outcome = Outcome::failed;
  set_detail(*failure.row, failure.subject);
  answer_own({failure, base::Side::upstream, false, system});
  return Next::go_on;
}

void CacheExchange::leave_flight() {
  waiter_.unlink();
  if (leads_)
    if (Fetch* fetch = service_.fetches().find(fetch_)) fetch->dismiss();
  leads_ = false;
  fetch_ = {};
  flight_.reset();
}

// --- the end ---

void CacheExchange::client_left() {
  if (!stream_.sink->committed()) facts_.status = 499;
  end_ = {&http::reasons::client_left};
  stream_.sink->abort();
  go(State::settle);
}

CacheExchange::Next CacheExchange::run_settle() {
  if (!stream_.sink->settled() && !stream_.sink->gone()) return Next::wait;
  if (stream_.sink->gone() && (!end_ || end_.is(http::reasons::finished))) end_ = {&http::reasons::client_left};
  if (!end_) end_ = {&http::reasons::finished};
  finish(end_);
  go(State::ended);
  return Next::go_on;
}

void CacheExchange::finish(base::Reason reason) {
  record_end(reason);
  state_ = State::ended;
  reader_.detach();
  leave_flight();
  ticket_.reset();
  lease_.reset();
  service_.finished(*this);
}

}  // namespace cachenode
