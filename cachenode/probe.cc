// SPDX-License-Identifier: BSD-2-Clause
#include "cachenode/probe.h"

#include "observe/error_log.h"

namespace cachenode {

Probe::Probe(net::EventLoop& loop, net::TaskOwner& owner, Origin& origin, observe::ErrorLog& log)
    : net::Task(loop, owner), origin_(origin), log_(log), pool_(loop) {}

void Probe::ask() {
  const ProbeSection& options = *origin_.probe;
  next_ = now() + options.interval;
  http::RequestHead head;
  head.set_method("GET");
  head.set_target(options.url);
  head.add(http::Token::host, options.host.empty() ? origin_.name : options.host);
  head.add(http::Token::user_agent, "cachenode");
  head_seen_ = head_well_ = false;
  lease_ = pool_.lease(origin_.endpoint, *this, http::Method::get, http::Reuse::any, nullptr);
  lease_->send_head(head, {});
  lease_->finish_body();
  set_deadline(now() + options.timeout);
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
  const ProbeSection& options = *origin_.probe;
  const bool sick = !origin_is_well(history_, options.window, options.threshold);
  if (sick == origin_.sick.load(std::memory_order_relaxed)) return;
  origin_.sick.store(sick, std::memory_order_relaxed);
  log_.write(observe::Level::warn, "origin " + origin_.name + (sick ? " is sick: stale objects are used where they may be" : " is well again"));
}

}  // namespace cachenode
