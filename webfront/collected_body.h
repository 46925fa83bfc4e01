// SPDX-License-Identifier: BSD-2-Clause
// A request body that is held whole before a place upstream is asked for (`buffer_body`), or as much of it as limits.buffers had room
// for: the rest streams. Stands between the stream's body and the relay. Owner: the exchange. Worker thread.
#pragma once

#include <algorithm>

#include "http/request_body.h"
#include "net/memory_budget.h"

namespace webfront {

class CollectedBody final : public http::RequestBody {
 public:
  explicit CollectedBody(http::RequestBody& from) : from_(from) {}
  // Takes what has arrived; true when nothing more will come, or nothing more may be held.
  bool collect() {
    from_.pull(held_, SIZE_MAX);
    const net::MemoryBudget* budget = net::MemoryBudget::of_this_thread();
    return from_.state() != State::open || (budget && budget->pressure() == net::MemoryBudget::Pressure::full);
  }

  std::optional<std::uint64_t> length() const override { return from_.state() == State::complete ? from_.received() : from_.length(); }
  void start() override { from_.start(); }
  bool expects_continue() const override { return from_.expects_continue(); }
  std::size_t available() const override { return held_.size() + from_.available(); }
  std::uint64_t received() const override { return from_.received(); }
  State state() const override { return from_.state(); }
  const base::Error& error() const override { return from_.error(); }
  void pull(net::Buffer& into, std::size_t max) override {
    const std::size_t held = std::min(max, held_.size());
    into.take(held_, held);
    if (held < max) from_.pull(into, max - held);
  }
  void discard() override {
    held_.clear();
    from_.discard();
  }
  const http::Head* trailers() const override { return from_.trailers(); }
  void set_limit(std::uint64_t bytes) override { from_.set_limit(bytes); }

 private:
  http::RequestBody& from_;
  net::Buffer held_;
};

}  // namespace webfront
