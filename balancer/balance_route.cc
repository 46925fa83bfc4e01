// SPDX-License-Identifier: BSD-2-Clause
// The exchange's first step: loop, health page, backend, and the head as servers will see it.
#include <cstring>

#include "balancer/balance_exchange.h"
#include "balancer/balance_service.h"
#include "balancer/own_answer.h"
#include "http/forwarded.h"
#include "http/hop_by_hop.h"
#include "http/paths.h"
#include "http/via.h"

namespace balancer {
namespace {

const char* protocol_version(http::Protocol protocol) {
  return protocol == http::Protocol::http1_0 ? "1.0" : protocol == http::Protocol::http2 ? "2" : "1.1";
}

}  // namespace

BalanceExchange::Next BalanceExchange::run_route() {
  http::RequestHead& head = stream_.head;
  if (http::count_via(head, plan_->via_name) > plan_->via_visits) {
    facts_.frontend->state->counters.of(service_.worker()).denied.add();
    answer_own({{&reason::loop, 0, 0, plan_->via_name}, base::Side::client}, "PR");
    return Next::go_on;
  }
  match_ = http::match_form(head.path());
  if (serve_health()) return Next::go_on;
  observe::LastReason why;
  const std::size_t index = pick_backend(facts_.frontend->rules, {&head, match_}, why);
  if (index == no_backend) {
    answer_own({why.last(), base::Side::internal}, "SC");
    return Next::go_on;
  }
  facts_.backend = facts_.frontend->backends[index].get();
  facts_.backend_sessions = facts_.backend->state->sessions.enter();
  if (const CookieRules& cookie = facts_.backend->cookie; !cookie.name.empty()) {
    only_if_ = !facts_.backend->only_if || facts_.backend->only_if->fails({&head, match_}) == nullptr;
    if (head.has(http::Token::cookie)) cookie_ = http::cookie_value(head, cookie.name);
    facts_.cookie_sent = cookie_.has_value();
  }
  prepare_head(head);
  return go(State::body);
}

bool BalanceExchange::serve_health() {
  const std::optional<std::string>& path = facts_.frontend->options.health;
  if (!path || !below(match_, *path)) return false;
  const std::string_view name = std::string_view(match_).substr(std::min(match_.size(), path->size() + 1));
  const base::ReasonRow* row = &reason::health_down;
  if (name.empty()) {
    for (const auto& backend : plan_->backends)
      if (backend->any_up()) row = &reason::health_up;
  } else if (const Backend* backend = plan_->find_backend(name)) {
    if (backend->any_up()) row = &reason::health_up;
  } else {
    row = &reason::health_unknown;
  }
  OwnAnswer answer = health_answer(*row, name);
  facts_.frontend->state->counters.of(service_.worker()).intercepted.add();
  facts_.status = row->status;
  std::memcpy(facts_.termination, "LR--", 4);
  stream_.body->discard();
  stream_.sink->head(std::move(answer.head), answer.body.size());
  if (stream_.head.method() != http::Method::head) stream_.sink->copy(answer.body);
  stream_.sink->end();
  end_ = {row, 0, 0, {}};
  go(State::settle);
  return true;
}

http::RowId BalanceExchange::find_named() {
  if (!cookie_) return {};
  const Backend& backend = *facts_.backend;
  observe::LastReason why;
  return backend.state->book.read([&](std::span<const http::ServerRow> rows, const http::Admission::Totals&) {
    const std::size_t row = sticky_row(backend.cookie, cookie_, rows, why);
    return row == http::no_row ? http::RowId{} : http::RowId{row, rows[row].serial};
  });
}

// What the servers see: the connection's own fields and claims of strangers are gone.
void BalanceExchange::prepare_head(http::RequestHead& head) {
  const net::PeerInfo& peer = *stream_.connection->peer;
  const http::EffectiveClient client = http::effective_client(head, peer.remote, facts_.frontend->trusted, stream_.connection->listener->tls);
  facts_.client_ip = client.ip;
  http::remove_hop_by_hop(head);
  if (!client.peer_trusted) {
    http::strip_claims(head);
    http::strip_identity_claims(head);
    const base::RecycledString host(head.host());
    const std::string port = std::to_string(peer.local.port());
    http::set_forwarded(head, {client.ip, client.https, host, port, {}});
  } else if (facts_.frontend->options.append_xff) {
    http::append_forwarded_for(head, peer.remote.ip());
  }
  const CookieRules& cookie = facts_.backend->cookie;
  if (cookie.indirect && facts_.cookie_sent) {
    const std::string left = without_cookie(http::joined_cookies(head), cookie.name);
    http::set_cookies(head, left);
  }
  http::append_via(head, protocol_version(stream_.protocol), plan_->via_name);
}

}  // namespace balancer
