// SPDX-License-Identifier: BSD-2-Clause
#include "balancer/check_task.h"

#include <cerrno>

#include "balancer/checker.h"
#include "http/engine_reasons.h"

namespace balancer {

HealthRules health_rules(const CheckOptions& c) {
  HealthRules rules;
  rules.rise = c.rise;
  rules.fall = c.fall;
  rules.interval_up = c.interval.up;
  rules.interval_down = c.interval.down;
  rules.interval_change = c.interval.change;
  rules.observe_errors = c.observe.errors;
  return rules;
}

CheckTask::CheckTask(net::EventLoop& loop, Checker& checker, BackendState& backend, Server& server, const CheckOptions& options)
    : Task(loop, checker), checker_(checker), backend_(backend), server_(server), row_(server.row), options_(options), rules_(balancer::health_rules(options)),
      endpoint_(std::make_shared<http::Endpoint>()), next_(now()) {
  endpoint_->name = server_.full_name;
  endpoint_->address = server_.address;
  endpoint_->keepalive = 0;  // each check shows that the server accepts
  const base::Duration timeout = options_.timeout;
  endpoint_->options.connect = endpoint_->options.first_byte = endpoint_->options.write = endpoint_->options.between_bytes = timeout;
  endpoint_->options.close_on_abort = true;
}

void CheckTask::connection_failed() {
  backend_.book.change(now(), [&](std::span<http::ServerRow> rows) {
    observe::LastReason why;
    server_.health = health_after(server_.health, rules_, HealthEvent::connect_failed, {rows[row_].used, rows[row_].limit(), server_.full_name}, why);
  });
  next_ = std::min(next_, now() + rules_.interval_change);
  ring();
}

void CheckTask::hurry() {
  next_ = now();
  ring();
}

net::Task::Step CheckTask::run() {
  if (state_ == State::waiting) {
    if (now() < next_) {
      set_deadline(next_);
      return Step::wait;
    }
    begin();
  }
  std::optional<Outcome> outcome = poll();
  if (!outcome && now() >= began_ + options_.timeout)
    outcome = Outcome{HealthEvent::timed_out, state_ == State::connecting || lease_->state() == http::Lease::State::connecting ? "L4TOUT" : "L7TOUT"};
  if (!outcome) {
    set_deadline(began_ + options_.timeout);
    return Step::wait;
  }
  conclude(*outcome);
  set_deadline(next_);
  return Step::wait;
}

void CheckTask::begin() {
  began_ = now();
  backend_.book.read([&](std::span<const http::ServerRow>, const http::Admission::Totals&) { server_.check.running = true; });
  if (options_.type == CheckType::tcp) {
    state_ = State::connecting;
    auto transport = checker_.connector()(loop(), server_.address);
    refusal_ = transport ? 0 : transport.error().system;
    transport_ = transport ? std::move(*transport) : nullptr;
    if (transport_) transport_->attach(*this);
    return;
  }
  state_ = State::asking;
  http::RequestHead head;
  head.set_method(options_.request.method);
  head.set_target(options_.request.uri);
  const std::string& host = options_.request.host;
  head.add(http::Token::host, !host.empty() ? host : server_.address.is_unix() ? "localhost" : server_.address.text());
  head.add(http::Token::user_agent, "balancer-check");
  lease_ = checker_.pool().lease(endpoint_, *this, head.method(), http::Reuse::none, nullptr);
  lease_->send_head(head, {});
}

std::optional<CheckTask::Outcome> CheckTask::poll_tcp() {
  if (!transport_) return net::is_own_shortage(refusal_) ? Outcome{HealthEvent::no_resources, "SOCKERR"} : Outcome{HealthEvent::failed, "L4CON"};
  const net::IoResult result = transport_->establish();
  if (result.state == net::IoState::blocked) return std::nullopt;
  if (result.state == net::IoState::done) return Outcome{HealthEvent::passed, "L4OK"};
  return result.error == ETIMEDOUT ? Outcome{HealthEvent::timed_out, "L4TOUT"} : Outcome{HealthEvent::failed, "L4CON"};
}

std::optional<CheckTask::Outcome> CheckTask::poll_http() {
  while (lease_->interim_ready()) lease_->take_interim();
  if (lease_->head_ready()) {
    const int status = lease_->take_head().status();
    return expected(status) ? Outcome{HealthEvent::passed, "L7OK", status} : Outcome{HealthEvent::failed, "L7STS", status};
  }
  if (lease_->state() != http::Lease::State::failed) return std::nullopt;
  const base::Reason& why = lease_->error().reason;
  namespace r = http::reasons;
  if (why.is(r::upstream_connect_timeout)) return Outcome{HealthEvent::timed_out, "L4TOUT"};
  if (why.is(r::upstream_connect_resources)) return Outcome{HealthEvent::no_resources, "SOCKERR"};
  if (why.is(r::upstream_connect_refused) || why.is(r::upstream_connect_failed)) return Outcome{HealthEvent::failed, "L4CON"};
  if (why.is(r::upstream_first_byte_timeout) || why.is(r::upstream_write_timeout)) return Outcome{HealthEvent::timed_out, "L7TOUT"};
  return Outcome{HealthEvent::failed, "L7RSP"};
}

// "200", "2xx", "200-299"; the options' rows have checked the form.
bool CheckTask::expected(int status) const {
  const std::string text = std::to_string(status);
  for (const std::string& form : options_.expect.status) {
    if (form.size() == 3 && form[1] == 'x' ? form[0] == text[0] : form == text) return true;
    if (form.size() == 7 && form.substr(0, 3) <= text && text <= form.substr(4)) return true;
  }
  return false;
}

void CheckTask::conclude(Outcome outcome) {
  lease_.reset();
  transport_.reset();
  state_ = State::waiting;
  Health before, after;
  observe::LastReason why;
  backend_.book.change(now(), [&](std::span<http::ServerRow> rows) {
    http::ServerRow& row = rows[row_];
    before = server_.health;
    after = server_.health = health_after(before, rules_, outcome.event, {row.used, row.limit(), server_.full_name}, why);
    row.up = after.up();
    if (outcome.event == HealthEvent::passed) row.restore();
    else if (!why.last().is(reason::check_undecided) && !why.last().is(reason::check_impossible)) ++server_.check_failures;
    server_.check = {outcome.word, outcome.code,
                     static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now() - began_).count()), false};
    if (before.up() != after.up()) {
      if (after.up()) server_.downtime += now() - server_.changed;
      else ++server_.went_down;
      server_.changed = now();
    }
  });
  next_ = now() + next_check(after, rules_);
  log_change(before, after, why.last(), outcome);
}

void CheckTask::log_change(const Health& before, const Health& after, const base::Reason& why, const Outcome& outcome) {
  if (before.state == after.state) return;
  std::string line = "server " + server_.full_name + " is " + (after.up() ? "UP" : "DOWN") + ": " + why.text() + " (" + outcome.word;
  if (outcome.code) line += " " + std::to_string(outcome.code);
  line += ")";
  checker_.log().write(after.up() ? observe::Level::notice : observe::Level::alert, line, line);
}

}  // namespace balancer
