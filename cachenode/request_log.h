// SPDX-License-Identifier: BSD-2-Clause
// The access log of a worker: one line a request. Worker thread.
#pragma once

#include <string>

#include "cachenode/generation.h"
#include "http/access_log.h"
#include "http/exchange.h"
#include "observe/log_writer.h"

namespace cachenode {

class CacheExchange;

class RequestLog {
 public:
  explicit RequestLog(observe::LogRing& ring) : ring_(ring) {}
  // Where to and in which form, or whether at all, the generation says.
  void write(const Generation& generation, CacheExchange& exchange, base::TimePoint now);
  // A request that failed before an exchange existed.
  void write(const Generation& generation, const http::Rejected& what, base::TimePoint now, base::WallTime wall);

 private:
  void line(const Generation& generation, const http::AccessRecord& record);
  observe::LogRing& ring_;
  std::string line_;
};

}  // namespace cachenode
