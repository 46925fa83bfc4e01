// SPDX-License-Identifier: BSD-2-Clause
// Asks the origin from time to time whether it is well. Its verdict decides the use of stale objects only, and stays while
// configurations change around it. Control thread.
#pragma once

#include <memory>

#include "cachenode/generation.h"
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
  Probe(net::EventLoop& loop, net::TaskOwner& owner, std::shared_ptr<Origin> origin, std::shared_ptr<const http::Endpoint> endpoint,
        const ProbeSection& options, observe::ErrorLog& log);
  const Origin& origin() const { return *origin_; }
  const http::Endpoint& endpoint() const { return *endpoint_; }
  // From the next question on; what was answered counts by the new window and threshold at once.
  void use(const ProbeSection& options);

 protected:
  Step run() override;

 private:
  void ask();
  void answered(bool well);
  void judge();
  std::shared_ptr<Origin> origin_;
  std::shared_ptr<const http::Endpoint> endpoint_;
  ProbeSection options_;
  observe::ErrorLog& log_;
  http::UpstreamPool pool_;
  std::unique_ptr<http::Lease> lease_;
  bool head_seen_ = false;
  bool head_well_ = false;
  std::uint64_t history_ = ~std::uint64_t{0};  // well until it has shown otherwise
  base::TimePoint next_{};
};

// The probe that the configuration wants, or none.
class ProbeOwner final : public net::TaskOwner {
 public:
  ProbeOwner(net::EventLoop& loop, observe::ErrorLog& log) : loop_(loop), log_(log) {}
  ~ProbeOwner() = default;
  void use(const Generation& generation);
  const Probe* probe() const { return probe_.get(); }
  void reap(net::Task&) override { probe_.reset(); }

 private:
  net::EventLoop& loop_;
  observe::ErrorLog& log_;
  std::unique_ptr<Probe> probe_;
};

}  // namespace cachenode
