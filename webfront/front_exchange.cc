// SPDX-License-Identifier: BSD-2-Clause
#include "webfront/front_exchange.h"

#include "http/engine_reasons.h"
#include "http/file_answer.h"
#include "http/forwarded.h"
#include "http/reasons.h"
#include "http/via.h"
#include "webfront/front_service.h"

namespace webfront {

namespace {

// No place is asked for before so much of a body is here: a slow upload must not hold one.
constexpr std::size_t body_before_queue = 64 * 1024;

std::int64_t milliseconds(base::Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); }

}  // namespace

FrontExchange::FrontExchange(FrontService& service, net::TaskOwner& owner, http::Stream stream, process::Pin pin)
    : Exchange(service.loop(), owner, std::move(stream)), service_(service), pin_(std::move(pin)) {
  facts_.durations = &generation()->durations_of(nullptr);
}

FrontExchange::~FrontExchange() {
  if (state_ != State::ended) finish({&reasons::stopped});
}

net::Task::Step FrontExchange::run() {
  for (;;) {
    Next next = Next::wait;
    switch (state_) {
      case State::route: next = run_route(); break;
      case State::file: next = run_file(); break;
      case State::body: next = run_body(); break;
      case State::route_queue: next = run_route_queue(); break;
      case State::queue: next = run_queue(); break;
      case State::upstream: next = run_upstream(); break;
      case State::answer: next = run_answer(); break;
      case State::settle: next = run_settle(); break;
      case State::ended: return Step::closed;
    }
    if (next == Next::wait) return Step::wait;
  }
}

FrontExchange::Next FrontExchange::go(State state) {
  static constexpr const char* names[] = {"route", "file", "body", "route-queue", "queue", "upstream", "answer", "settle", "ended"};
  state_ = state;
  note(names[static_cast<std::size_t>(state)]);
  return Next::go_on;
}

// --- route ---

void FrontExchange::identify() {
  const net::PeerInfo& peer = *stream_.connection->peer;
  http::RequestHead& head = stream_.head;
  client_ = http::effective_client(head, peer.remote, *listener().trusted, listener().tls);
  view_ = view_of(head, client_.https, client_.ip);
}

FrontExchange::Next FrontExchange::run_route() {
  identify();
  observe::LastReason why;
  plan_ = decide(compiled().sites, view_, why);
  facts_.durations = &generation()->durations_of(plan_.route);
  stream_.body->set_limit(plan_.route && plan_.route->body_size ? *plan_.route->body_size : compiled().body_size);
  if (http::count_via(stream_.head, compiled().via) > compiled().via_visits) {
    answer_own({{&http::reasons::via_loop, 0, 0, compiled().via}, base::Side::client, false, 0});
    return Next::go_on;
  }
  if (plan_.action == Action::refuse) {
    answer_own({why.last(), base::Side::client, false, 0});
    return Next::go_on;
  }
  // The declared length is too large: said before anything is sent on, and before 100.
  if (stream_.body->state() == http::RequestBody::State::failed) {
    answer_own(stream_.body->error());
    return Next::go_on;
  }
  return act();
}

FrontExchange::Next FrontExchange::act() {
  switch (plan_.action) {
    case Action::respond:
      end_ = {&http::reasons::finished};
      send_own(respond_answer(*route().respond, plan_.site));
      return Next::go_on;
    case Action::redirect:
      end_ = {&http::reasons::finished};
      send_own(redirect_answer(plan_.status, plan_.location));
      return Next::go_on;
    case Action::files: file_wait_.emplace(*this); return go(State::file);
    case Action::proxy: return begin_proxy();
    case Action::refuse: break;
  }
  return Next::go_on;
}

// --- files ---

FrontExchange::Next FrontExchange::run_file() {
  if (!client_waits()) return Next::go_on;
  const Files& files = *route().files;
  const auto entry = service_.files().find(files.place, file_path(route(), view_), *file_wait_);
  if (!entry) return Next::wait;
  file_wait_.reset();
  http::FileAnswer answer = http::answer_file(entry, stream_.head, files.cache_control, !files.place.precompressed.empty());
  end_ = {&http::reasons::finished};
  const int status = answer.head.status();
  if (status >= 400 && status != 416 && status != 412) {
    OwnAnswer own = status_answer(status, plan_.site);
    if (const auto allow = answer.head.get(http::Token::allow)) own.head.add(http::Token::allow, *allow);
    if (status >= 500) service_.log_error("file", "cannot serve " + files.place.root + ": errno " + std::to_string(entry->error));
    send_own(std::move(own));
    return Next::go_on;
  }
  edit_headers(answer.head, plan_.site, plan_.route, view_, false);
  facts_.status = status;
  keep_for_log(answer.head);
  stream_.body->discard();
  stream_.sink->head(std::move(answer.head), answer.length);
  stream_.sink->data(answer.body);
  stream_.sink->end();
  return go(State::settle);
}

// --- body and queues ---

FrontExchange::Next FrontExchange::begin_proxy() {
  stream_.body->start();
  if (route().buffer_body && stream_.body->state() == http::RequestBody::State::open) {
    collected_ = std::make_unique<CollectedBody>(*stream_.body);
    stream_.body = collected_.get();
  }
  return go(State::body);
}

FrontExchange::Next FrontExchange::run_body() {
  if (!client_waits()) return Next::go_on;
  http::RequestBody& body = *stream_.body;
  const bool whole = collected_ ? collected_->collect() : body.state() != http::RequestBody::State::open;
  if (body.state() == http::RequestBody::State::failed) {
    answer_own(body.error());
    return Next::go_on;
  }
  const bool enough = !collected_ && (body.available() >= body_before_queue || body.stalled() || stream_.upgrade_websocket);
  if (!whole && !enough) return Next::wait;
  facts_.queued = now();
  return go(State::route_queue);
}

bool FrontExchange::admitted(http::Admission* book, const QueueRule& rule, std::optional<http::Ticket>& ticket, std::unique_ptr<http::Slot>& slot, Next& next) {
  next = Next::go_on;
  if (!book || slot) return true;
  if (!ticket) {
    ticket.emplace(service_.desk(), this);
    http::Admission::Input input;
    // A request's class counts where it meets those of other routes.
    input.priority = route().queue.priority;
    book->enter(*ticket, input, now());
    set_deadline_after(rule.timeout);
  }
  switch (ticket->state()) {
    case http::Ticket::State::granted:
      slot = ticket->take_slot();
      clear_deadline();
      return true;
    case http::Ticket::State::refused:
      answer_own({{ticket->refusal(), static_cast<std::int64_t>(rule.max_waiting), 0, book->name()}, base::Side::internal, false, 0});
      return false;
    default: break;
  }
  if (stream_.sink->gone() || stream_.sink->half_closed()) {
    client_left();
    return false;
  }
  if (deadline_passed()) {
    answer_own({{&http::admission_reason::queue_timeout, milliseconds(rule.timeout), 0, book->name()}, base::Side::internal, false, 0});
    return false;
  }
  next = Next::wait;
  return false;
}

FrontExchange::Next FrontExchange::run_route_queue() {
  Next next = Next::go_on;
  http::Admission* book = route().queue_place == SIZE_MAX ? nullptr : generation()->route_queues[route().queue_place].get();
  return admitted(book, route().queue, route_ticket_, route_slot_, next) ? go(State::queue) : next;
}

FrontExchange::Next FrontExchange::run_queue() {
  Next next = Next::go_on;
  if (!admitted(upstream().book.get(), compiled().upstreams[route().upstream].queue, ticket_, slot_, next)) return next;
  facts_.admitted = now();
  begin_attempt();
  return go(State::upstream);
}

// --- answer ---

FrontExchange::Next FrontExchange::run_answer() {
  switch (relay_.pump(stream_, *lease_)) {
    case http::Relay::Outcome::flowing: return Next::wait;
    case http::Relay::Outcome::answered:
      facts_.response_time = now() - lease_->sent_at();
      end_ = {&http::reasons::finished};
      // An answer before the request's end: what is left of it is nobody's.
      if (stream_.body->state() == http::RequestBody::State::open) stream_.body->discard();
      lease_.reset();
      return go(State::settle);
    case http::Relay::Outcome::client_gone:
      lease_.reset();
      client_left();
      return Next::go_on;
    case http::Relay::Outcome::request_failed: end_ = stream_.body->error().reason; break;
    case http::Relay::Outcome::upstream_failed:
      end_ = lease_->error().reason;
      service_.log_error(end_.row->name, "upstream " + lease_->endpoint().name + ": " + end_.text());
      break;
  }
  lease_.reset();
  stream_.sink->abort();  // what is incomplete must not look complete
  return go(State::settle);
}

FrontExchange::Next FrontExchange::run_settle() {
  const http::ResponseSink& sink = *stream_.sink;
  if (!sink.settled() && !sink.gone()) return Next::wait;
  if (!sink.settled() && (!end_ || end_.is(http::reasons::finished))) end_ = {&http::reasons::client_left};
  finish(end_);
  return go(State::ended);
}

void FrontExchange::answer_own(const base::Error& error) {
  end_ = error.reason;
  service_.count_error(*error.reason.row);
  const std::string_view hop = plan_.action == Action::proxy ? std::string_view(route().proxy) : std::string_view{};
  OwnAnswer answer = error_answer(error, plan_.site, error.side == base::Side::upstream ? hop : std::string_view{});
  send_own(std::move(answer));
}

void FrontExchange::send_own(OwnAnswer answer) {
  clear_deadline();
  edit_headers(answer.head, plan_.site, plan_.route, view_, false);
  facts_.status = answer.head.status();
  keep_for_log(answer.head);
  stream_.body->discard();
  stream_.sink->head(std::move(answer.head), answer.body.size());
  stream_.sink->copy(answer.body);
  stream_.sink->end();
  go(State::settle);
}

void FrontExchange::keep_for_log(const http::ResponseHead& head) {
  if (compiled().log_answer_fields) facts_.answer = head;
}

bool FrontExchange::client_waits() {
  if (!stream_.sink->gone()) return true;
  client_left();
  return false;
}

void FrontExchange::client_left() {
  clear_deadline();
  route_ticket_.reset();
  ticket_.reset();
  route_slot_.reset();
  slot_.reset();
  if (!stream_.sink->committed()) facts_.status = 499;
  end_ = {&http::reasons::client_left};
  stream_.sink->abort();
  go(State::settle);
}

void FrontExchange::finish(base::Reason why) {
  record_end(why);
  state_ = State::ended;
  service_.finished(*this);
}

}  // namespace webfront
