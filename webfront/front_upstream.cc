// SPDX-License-Identifier: BSD-2-Clause
// The upstream part of an exchange: what leaves, attempts, the answer's head.
#include "http/engine_reasons.h"
#include "http/forwarded.h"
#include "http/hop_by_hop.h"
#include "http/request_id.h"
#include "http/via.h"
#include "webfront/front_exchange.h"
#include "webfront/front_service.h"
#include "webfront/public_fields.h"

namespace webfront {

std::string_view FrontExchange::request_id() {
  if (!request_id_.empty()) return request_id_;
  const auto named = stream_.head.get(http::Token::x_request_id);
  if (client_.peer_trusted && named && http::valid_request_id(*named)) request_id_ = *named;
  else request_id_ = http::new_request_id();
  name_request(request_id_);  // trace finds it
  return request_id_;
}

http::RequestHead FrontExchange::upstream_head() {
  http::RequestHead head = stream_.head;  // the original stays for the log
  clean_request(head, client_.peer_trusted);
  base::RecycledString port = client_.port;
  if (port.empty()) {
    const std::uint16_t local = stream_.connection->peer->local.port();
    port = local != 0 ? std::string_view(std::to_string(local)) : client_.https ? "443" : "80";
  }
  const std::string_view host = client_.host.empty() ? stream_.head.host() : std::string_view(client_.host);
  http::set_forwarded(head, {client_.ip, client_.https, host, port, "_front"});
  head.set(http::Token::x_request_id, request_id());
  const char* version = stream_.protocol == http::Protocol::http2 ? "2" : stream_.protocol == http::Protocol::http1_0 ? "1.0" : "1.1";
  http::append_via(head, version, compiled().via);
  if (!plan_.target.empty()) head.set_target(plan_.target);
  return head;
}

void FrontExchange::begin_attempt() {
  ++attempts_;
  const auto& servers = upstream().servers;
  const std::size_t turn = servers.size() == 1 ? 0 : upstream().turns->take(service_.worker()) % servers.size();
  const bool repeatable = can_repeat(stream_.head.method(), stream_.body->none());
  // After a kept-alive connection that had been closed, the next one is young or new.
  const http::Reuse reuse = repeatable && attempts_ == 1 ? http::Reuse::any : http::Reuse::fresh;
  auto hold = std::make_unique<Places>(std::move(route_slot_), std::move(slot_));
  relay_.reset();
  lease_ = service_.pool().lease(servers[turn], *this, stream_.head.method(), reuse, std::move(hold));
  lease_->send_head(upstream_head(), http::request_framing(*stream_.body), stream_.upgrade_websocket);
}

FrontExchange::Next FrontExchange::run_upstream() {
  if (stream_.sink->gone()) {
    lease_.reset();
    client_left();
    return Next::go_on;
  }
  while (lease_->interim_ready()) {
    http::ResponseHead interim = lease_->take_interim();
    if (interim.status() == 100) continue;  // ours was sent
    http::remove_hop_by_hop(interim);
    stream_.sink->informational(interim);
  }
  // Before anything more of the request moves: after a 101 the request's end is not the tunnel's.
  if (lease_->head_ready()) {
    answer_head();
    return Next::go_on;
  }
  const auto pumped = relay_.pump_request(stream_, *lease_);
  if (lease_->state() == http::Lease::State::failed) return upstream_failed();
  if (pumped == http::Relay::Outcome::request_failed) {
    lease_.reset();
    answer_own(stream_.body->error());
    return Next::go_on;
  }
  return Next::wait;
}

FrontExchange::Next FrontExchange::upstream_failed() {
  const base::Error error = lease_->error();
  const bool repeatable = can_repeat(stream_.head.method(), stream_.body->none());
  const bool untouched = lease_->reused() && !lease_->began_answer() && (repeatable || (!lease_->bytes_sent() && relay_.request_bytes() == 0));
  facts_.upstream_addr = lease_->endpoint().address_text;
  const std::string name = lease_->endpoint().name;
  lease_.reset();
  if (untouched && attempts_ < 3) {
    facts_.retried = true;
    route_ticket_.reset();
    ticket_.reset();
    return go(State::route_queue);
  }
  facts_.upstream_status = error.reason.row->status;
  service_.log_error(error.reason.row->name, "upstream " + name + ": " + error.reason.text());
  answer_own(error);
  return Next::go_on;
}

void FrontExchange::answer_head() {
  http::ResponseHead head = lease_->take_head();
  facts_.upstream_addr = lease_->endpoint().address_text;
  facts_.upstream_status = facts_.status = head.status();
  facts_.connect_time = lease_->connect_time();
  facts_.header_time = lease_->head_at() - lease_->sent_at();
  if (const auto cache = head.get(http::Token::x_cache)) facts_.cache_status = *cache;
  const auto length = http::answer_length(*lease_, head, stream_.head.method());
  const char* version = head.minor_version() == 0 ? "1.0" : "1.1";
  http::remove_hop_by_hop(head);
  http::append_via(head, version, compiled().via);
  if (head.has(http::Token::cache_status) && !compiled().debug_from->contains_text(client_.ip)) {
    const std::string status = public_cache_status(head.joined(http::Token::cache_status));
    head.remove(http::Token::cache_status);
    if (!status.empty()) head.add(http::Token::cache_status, status);
  }
  edit_headers(head, plan_.site, plan_.route, view_, true);
  keep_for_log(head);
  if (lease_->must_close()) stream_.sink->close_after();
  if (lease_->state() == http::Lease::State::tunnel) {
    stream_.sink->switch_to_tunnel(std::move(head));
    let_go();
  } else {
    stream_.sink->head(std::move(head), length);
  }
  go(State::answer);
}

std::string_view FrontExchange::site_name() const {
  if (!plan_.site) return tunnel_site_;
  return plan_.site->names.empty() ? std::string_view() : std::string_view(plan_.site->names.front());
}

void FrontExchange::let_go() {
  tunnel_site_ = site_name();
  tunnel_route_ = route_label();
  route_ticket_.reset();
  ticket_.reset();
  plan_ = {};
  pin_.release();
}

}  // namespace webfront
