// SPDX-License-Identifier: BSD-2-Clause
// The access log of a worker: one line a request, HAProxy's httplog by default. Worker thread.
#pragma once

#include <memory>
#include <string>

#include "http/access_log.h"
#include "http/exchange.h"
#include "observe/log_writer.h"

namespace balancer {

class BalanceExchange;

class RequestLog {
 public:
  RequestLog() = default;  // no log
  RequestLog(observe::LogRing& ring, observe::LogTarget target, std::shared_ptr<const http::AccessFormat> format)
      : ring_(&ring), target_(target), format_(std::move(format)) {}
  void write(BalanceExchange& exchange, base::TimePoint now, std::uint32_t active);
  // A request that failed before an exchange existed.
  void write(const http::Rejected& what, std::string_view frontend, base::TimePoint now, base::WallTime wall, std::uint32_t active);

 private:
  void line(const http::AccessRecord& record);
  observe::LogRing* ring_ = nullptr;
  observe::LogTarget target_ = 0;
  std::shared_ptr<const http::AccessFormat> format_;
  std::string line_;
};

}  // namespace balancer
