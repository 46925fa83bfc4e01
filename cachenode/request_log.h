// SPDX-License-Identifier: BSD-2-Clause
// The access log of a worker: one line a request. Worker thread.
#pragma once

#include <memory>
#include <string>

#include "http/access_log.h"
#include "http/exchange.h"
#include "observe/log_writer.h"

namespace cachenode {

class CacheExchange;

class RequestLog {
 public:
  RequestLog() = default;  // no log
  RequestLog(observe::LogRing& ring, observe::LogTarget target, std::shared_ptr<const http::AccessFormat> format, std::string upstream)
      : ring_(&ring), target_(target), format_(std::move(format)), upstream_(std::move(upstream)) {}
  void write(CacheExchange& exchange, base::TimePoint now);
  // A request that failed before an exchange existed.
  void write(const http::Rejected& what, base::TimePoint now, base::WallTime wall);

 private:
  void line(const http::AccessRecord& record);
  observe::LogRing* ring_ = nullptr;
  observe::LogTarget target_ = 0;
  std::shared_ptr<const http::AccessFormat> format_;
  std::string upstream_;  // the origin's address
  std::string line_;
};

}  // namespace cachenode
