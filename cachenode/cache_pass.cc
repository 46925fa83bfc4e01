// SPDX-License-Identifier: BSD-2-Clause
// CacheExchange: requests that go to the origin whole, and invalidations.
#include "cachenode/answer_head.h"
#include "cachenode/cache_exchange.h"
#include "cachenode/own_answer.h"
#include "cachenode/purge_allowed.h"
#include "cachenode/storable.h"
#include "http/engine_reasons.h"
#include "http/hop_by_hop.h"
#include "http/host.h"
#include "http/request_id.h"
#include "http/via.h"

namespace cachenode {

namespace {

// The origin is not asked before so much of a body is here: a slow upload must not hold a connection.
constexpr std::size_t body_before_asking = 64 * 1024;
constexpr int pass_priority = 0;

std::int64_t milliseconds(base::Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); }

const char* protocol_version(http::Protocol protocol) {
  return protocol == http::Protocol::http1_0 ? "1.0" : protocol == http::Protocol::http2 ? "2" : "1.1";
}

}  // namespace

// What the origin sees: the connection's own fields are gone, ours are there.
void CacheExchange::prepare_head(http::RequestHead& head) {
  const net::PeerInfo& peer = *stream_.connection->peer;
  http::remove_hop_by_hop(head);
  if (!client_.peer_trusted) {
    const std::string port = std::to_string(peer.local.port());
    const base::RecycledString host(head.host());
    const std::string ip = peer.remote.ip();
    http::set_forwarded(head, {ip, client_.https, host, port, {}});
  } else if (config().append_xff) {
    http::append_forwarded_for(head, peer.remote.ip());
  }
  if (!head.has(http::Token::x_request_id)) head.add(http::Token::x_request_id, http::new_request_id());
  http::append_via(head, protocol_version(stream_.protocol), config().policy.via_name);
}

bool CacheExchange::repeatable() const {
  const http::Method method = stream_.head.method();
  return (method == http::Method::get || method == http::Method::head || method == http::Method::options) && stream_.body->none();
}

CacheExchange::Next CacheExchange::begin_pass(const char* forward) {
  forward_ = forward;
  facts_.outcome = Outcome::pass;
  facts_.cache_word = miss_ ? "MISS" : "BYPASS";
  pass_request(stream_.head, plan_);
  prepare_head(stream_.head);
  return go(State::body);
}

CacheExchange::Next CacheExchange::run_body() {
  http::RequestBody& body = *stream_.body;
  if (body.state() == http::RequestBody::State::failed) {
    facts_.outcome = Outcome::refused;
    set_detail(*body.error().reason.row);
    answer_own(body.error());
    return Next::go_on;
  }
  const bool asks_first = body.expects_continue();  // the origin's 100 comes back through us
  if (body.state() != http::RequestBody::State::complete && body.available() < body_before_asking && !body.stalled() && !asks_first &&
      !stream_.upgrade_websocket)
    return Next::wait;
  facts_.asked = now();
  facts_.asked_origin = true;
  if (!ticket_) ticket_.emplace(service_.desk(), this);
  http::Admission& book = origin().book;
  switch (book.enter(*ticket_, {.priority = pass_priority, .again = attempts_ > 0}, now())) {
    case http::Admission::Entry::granted: send(ticket_->take_slot()); return Next::go_on;
    case http::Admission::Entry::queued:
      set_deadline(facts_.asked + config().queue_timeout);
      return go(State::queue);
    case http::Admission::Entry::refused: break;
  }
  facts_.outcome = Outcome::failed;
  answer_own({{ticket_->refusal(), static_cast<std::int64_t>(book.totals().waiting), 0, config().origin}, base::Side::upstream});
  return Next::go_on;
}

CacheExchange::Next CacheExchange::run_queue() {
  if (stream_.sink->half_closed()) {
    ticket_->cancel();
    client_left();
    return Next::go_on;
  }
  if (ticket_->state() == http::Ticket::State::granted) {
    clear_deadline();
    send(ticket_->take_slot());
    return Next::go_on;
  }
  if (ticket_->state() == http::Ticket::State::refused) {
    facts_.outcome = Outcome::failed;
    answer_own({{ticket_->refusal(), 0, 0, config().origin}, base::Side::upstream});
    return Next::go_on;
  }
  if (!deadline_passed()) return Next::wait;
  ticket_->cancel();
  facts_.outcome = Outcome::failed;
  answer_own({{&reasons::queue_timeout, milliseconds(now() - facts_.asked), 0, config().origin}, base::Side::upstream});
  return Next::go_on;
}

void CacheExchange::send(std::unique_ptr<http::Slot> slot) {
  facts_.queued += now() - facts_.asked;
  ++attempts_;
  // Only what may be repeated is sent on a connection that the origin may have closed meanwhile; a repetition takes no chance.
  const http::Reuse reuse = repeatable() && attempts_ == 1 ? http::Reuse::any : http::Reuse::fresh;
  lease_ = service_.pool().lease(generation()->endpoint, *this, stream_.head.method(), reuse, std::move(slot));
  relay_.reset();
  lease_->send_head(stream_.head, http::request_framing(*stream_.body), stream_.upgrade_websocket);
  go(State::upstream);
}

CacheExchange::Next CacheExchange::run_upstream() {
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
    facts_.outcome = Outcome::refused;
    answer_own(stream_.body->error());
    return Next::go_on;
  }
  return Next::wait;
}

CacheExchange::Next CacheExchange::attempt_failed() {
  const base::Error error = lease_->error();
  const bool again = error.retry && lease_->reused() && !lease_->began_answer() && repeatable() && attempts_ < 3;
  lease_.reset();
  if (again) return go(State::body);
  if (deliver_stale()) return Next::go_on;
  facts_.outcome = Outcome::failed;
  set_detail(*error.reason.row);
  answer_own(error);
  return Next::go_on;
}

void CacheExchange::answer_head() {
  http::ResponseHead head = lease_->take_head();
  if (is_failure_status(head.status()) && deliver_stale()) {
    lease_.reset();
    return;
  }
  facts_.status = facts_.upstream_status = head.status();
  facts_.connect = lease_->connect_time();
  facts_.header = lease_->head_at() - lease_->sent_at();
  if (!http::is_safe(stream_.head.method()) && head.status() >= 200 && head.status() < 400) invalidate_after(head);
  const auto length = http::answer_length(*lease_, head, stream_.head.method());
  http::remove_hop_by_hop(head);
  client_head(config().policy, head);
  CacheStatus status;
  status.forward = forward_;
  status.detail = facts_.detail;
  dress(head, status, std::nullopt);
  if (lease_->must_close()) stream_.sink->close_after();
  if (lease_->state() == http::Lease::State::tunnel) {
    stream_.sink->switch_to_tunnel(std::move(head));
    let_go();
  } else {
    stream_.sink->head(std::move(head), length);
  }
  go(State::answer);
}

void CacheExchange::let_go() {
  tunnel_origin_ = config().origin_address;
  ticket_.reset();
  plan_ = {};
  pin_.release();
}

CacheExchange::Next CacheExchange::run_answer() {
  const auto outcome = relay_.pump(stream_, *lease_);
  if (outcome == http::Relay::Outcome::flowing) return Next::wait;
  if (outcome == http::Relay::Outcome::client_gone) {
    lease_.reset();
    client_left();
    return Next::go_on;
  }
  if (outcome == http::Relay::Outcome::request_failed) end_ = stream_.body->error().reason;
  if (outcome == http::Relay::Outcome::upstream_failed) end_ = lease_->error().reason;
  lease_.reset();
  // What is incomplete must not look complete.
  if (outcome != http::Relay::Outcome::answered) stream_.sink->abort();
  return go(State::settle);
}

// --- invalidation ---

// A successful unsafe request changes its target, and what Location and Content-Location name on the same site (RFC 9111 4.4).
void CacheExchange::invalidate_after(const http::ResponseHead& answer) {
  const Compiled& shared = config();
  if (shared.policy.purge.invalidate == InvalidateOn::authenticated && !plan_.identity.has_credentials) return;
  std::size_t gone = 0;
  auto drop = [&](const PurgeIdentity& what) {
    gone += service_.store().invalidate({what.path, what.host, {}, false}, shared.settle, now());
  };
  drop(plan_.key.purge);
  for (const http::Token token : {http::Token::location, http::Token::content_location}) {
    std::string_view place = answer.get(token).value_or("");
    place = place.substr(0, place.find_first_of("?#"));
    if (const auto scheme = place.find("://"); scheme != std::string_view::npos && place.find('/') > scheme) {
      std::string_view rest = place.substr(scheme + 3);
      const auto slash = rest.find('/');
      const std::string host = http::normal_host(rest.substr(0, slash), base::to_lower(place.substr(0, scheme)));
      if (host.empty() || (host != plan_.key.host && host != plan_.key.purge.host)) continue;
      place = slash == std::string_view::npos ? std::string_view("/") : rest.substr(slash);
    } else if (!place.starts_with('/') || place.starts_with("//")) {
      continue;
    }
    drop(purge_identity(place, plan_.key.purge.host, shared.policy.purge.vhm));
  }
  service_.count_purge(gone);
}

CacheExchange::Next CacheExchange::run_purge() {
  const Compiled& shared = config();
  const http::RequestHead& head = stream_.head;
  facts_.client_ip = stream_.connection->peer->remote.ip();
  facts_.outcome = Outcome::purge;
  observe::LastReason why;
  if (!purge_allowed(shared.policy.purge, head, shared.purge_allow->contains(stream_.connection->peer->remote), why)) {
    facts_.outcome = Outcome::refused;
    set_detail(*why.last().row, why.last().subject);
    answer_own({why.last(), base::Side::client});
    return Next::go_on;
  }
  const PurgeIdentity identity = purge_identity(head.path(), {}, shared.policy.purge.vhm);
  const std::string query = head.has_query() ? detail::canonical(head.query()) : std::string();
  const std::size_t objects = service_.store().invalidate({identity.path, identity.host, query, head.has_query()}, shared.settle, now());
  service_.count_purge(objects);
  set_detail(reasons::plan_purge);
  OwnAnswer answer = purge_answer(objects, shared.policy.purge.not_found);
  facts_.status = answer.head.status();
  http::append_via(answer.head, "1.1", shared.policy.via_name);
  stream_.body->discard();
  stream_.sink->head(std::move(answer.head), answer.body.size());
  stream_.sink->copy(answer.body);
  stream_.sink->end();
  return go(State::settle);
}

}  // namespace cachenode
