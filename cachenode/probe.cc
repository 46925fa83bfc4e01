// SPDX-License-Identifier: BSD-2-Clause
#include "cachenode/probe.h"

#include <algorithm>

#include "observe/error_log.h"

namespace cachenode {

Probe::Probe(net::EventLoop& loop, net::TaskOwner& owner, std::shared_ptr<Origin> origin, std::shared_ptr<const http::Endpoint> endpoint,
             const ProbeSection& options, observe::ErrorLog& log)
    : net::Task(loop, owner), origin_(std::move(origin)), endpoint_(std::move(endpoint)), options_(options), log_(log), pool_(loop) {}

void Probe::use(const ProbeSection& options) {
  options_ = options;
  if (!lease_) next_ = std::min(next_, now() + options.interval);
  judge();
  ring();
}

void Probe::ask() {
  next_ = now() + options_.interval;
  http::RequestHead head;
  head.set_method("GET");
  head.set_target(options_.url);
  head.add(http::Token::host, options_.host.empty() ? origin_->name() : options_.host);
  head.add(http::Token::user_agent, "cachenode");
  head_seen_ = head_well_ = false;
  lease_ = pool_.lease(endpoint_, *this, http::Method::get, http::Reuse::any, nullptr);
  lease_->send_head(head, {});
  lease_->finish_body();
  set_deadline(now() + options_.timeout);
}

net::Task::Step Probe::run() {
  for (;;) {
    if (!lease_) {
      if (now() < next_) {
        set_deadline(next_);
        return Step::wait;
      }
      ask();
    }
    while (lease_->interim_ready()) lease_->take_interim();
    if (!head_seen_ && lease_->head_ready()) {
      head_seen_ = true;
      const int status = lease_->take_head().status();
      head_well_ = status >= 200 && status < 400;
    }
    if (lease_->available() > 0) {
      net::Buffer dropped;
      lease_->pull(dropped);
    }
    if (lease_->state() == http::Lease::State::complete) {
      answered(head_well_);
    } else if (lease_->state() == http::Lease::State::failed || deadline_passed()) {
      answered(false);
    } else {
      return Step::wait;
    }
  }
}

void Probe::answered(bool well) {
  lease_.reset();
  history_ = history_ << 1 | (well ? 1u : 0u);
  judge();
}

void Probe::judge() {
  const bool sick = !origin_is_well(history_, options_.window, options_.threshold);
  if (sick == origin_->sick.load(std::memory_order_relaxed)) return;
  origin_->sick.store(sick, std::memory_order_relaxed);
  log_.write(observe::Level::warn, "origin " + origin_->name() + (sick ? " is sick: stale objects are used where they may be" : " is well again"));
}

// --- the owner ---

void ProbeOwner::use(const Generation& generation) {
  const auto& wanted = generation.compiled->probe;
  const bool same = probe_ && &probe_->origin() == generation.origin.get() && &probe_->endpoint() == generation.endpoint.get();
  if (wanted && same) return probe_->use(*wanted);
  probe_.reset();
  // What an earlier probe found holds no longer: it asked somebody else, or nobody asks any more.
  generation.origin->sick.store(false, std::memory_order_relaxed);
  if (!wanted) return;
  probe_ = std::make_unique<Probe>(loop_, *this, generation.origin, generation.endpoint, *wanted, log_);
  probe_->ring();
}

}  // namespace cachenode
