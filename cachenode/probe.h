// SPDX-License-Identifier: BSD-2-Clause
// Asks the origin from time to time whether it is well. Its verdict decides the use of stale objects only. Control thread.
#pragma once

#include <memory>

#include "cachenode/shared.h"
#include "http/upstream_pool.h"
#include "net/task.h"

namespace observe {
class ErrorLog;
}

namespace cachenode {

// decision: of the last `window` answers, are at least `threshold` good? `history`: one bit an answer, the last one lowest.
constexpr bool origin_is_well(std::uint64_t history, std::uint32_t window, std::uint32_t threshold) {
  const std::uint64_t mask = window >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << window) - 1;
  return static_cast<std::uint32_t>(__builtin_popcountll(history & mask)) >= threshold;
}

class Probe final : public net::Task {
 public:
  Probe(net::EventLoop& loop, net::TaskOwner& owner, Origin& origin, observe::ErrorLog& log);

 protected:
  Step run() override;

 private:
  void ask();
  void answered(bool well);
  Origin& origin_;
  observe::ErrorLog& log_;
  http::UpstreamPool pool_;
  std::unique_ptr<http::Lease> lease_;
  bool head_seen_ = false;
  bool head_well_ = false;
  std::uint64_t history_ = ~std::uint64_t{0};  // well until it has shown otherwise
  base::TimePoint next_{};
};

class ProbeOwner final : public net::TaskOwner {
 public:
  ProbeOwner(net::EventLoop& loop, Origin& origin, observe::ErrorLog& log) : probe_(std::make_unique<Probe>(loop, *this, origin, log)) { probe_->ring(); }
  void reap(net::Task&) override { probe_.reset(); }

 private:
  std::unique_ptr<Probe> probe_;
};

}  // namespace cachenode
