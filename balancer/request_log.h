// SPDX-License-Identifier: BSD-2-Clause
// The access log of a worker: one line a request, HAProxy's httplog by default. Worker thread.
#pragma once

#include <memory>
#include <string>

#include "balancer/generation.h"
#include "http/access_log.h"
#include "http/exchange.h"
#include "observe/log_writer.h"

namespace balancer {

class BalanceExchange;

class RequestLog {
 public:
  RequestLog() = default;  // no log
  explicit RequestLog(observe::LogRing& ring) : ring_(&ring) {}
  void write(BalanceExchange& exchange, base::TimePoint now, std::uint32_t active);
  // A request that failed before an exchange existed.
  void write(const http::Rejected& what, const Generation& generation, std::string_view frontend, base::TimePoint now, base::WallTime wall, std::uint32_t active);

 private:
  bool on(const Generation& generation) const;
  void line(const http::AccessRecord& record, const Generation& generation);
  observe::LogRing* ring_ = nullptr;
  std::string line_;
};

}  // namespace balancer
