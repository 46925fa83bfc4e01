// SPDX-License-Identifier: BSD-2-Clause
// A worker's part of webfront: makes exchanges, owns the worker's upstream connections and looked-up files, counts and logs what
// ended. Worker thread.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "http/access_log.h"
#include "http/admission.h"
#include "http/exchange.h"
#include "http/file_service.h"
#include "http/upstream_pool.h"
#include "observe/error_log.h"
#include "observe/log_writer.h"
#include "observe/metrics.h"
#include "process/generation.h"
#include "webfront/generation.h"
#include "webfront/upstream_request.h"

namespace webfront {

class FrontExchange;

// The places a request holds, until the upstream is done with it.
struct Places final : http::SlotHold {
  Places(std::unique_ptr<http::Slot> at_route, std::unique_ptr<http::Slot> at_upstream) : route(std::move(at_route)), upstream(std::move(at_upstream)) {}
  std::unique_ptr<http::Slot> route, upstream;
};

struct ServiceEnvironment {
  std::size_t worker = 0;
  net::Offload* offload = nullptr;
  observe::Metrics* metrics = nullptr;
  observe::ErrorLog* errors = nullptr;
  observe::LogRing* access = nullptr;  // null: no access log, whatever a generation says
  http::UpstreamPool::Connector connector = net::connect_plain;  // tests: memory
};

class FrontService final : public process::WorkerService {
 public:
  FrontService(net::EventLoop& loop, process::Generations& generations, http::LoopDesk& desk, const ServiceEnvironment& environment);

  std::unique_ptr<http::Exchange> open(net::TaskOwner& owner, http::Stream stream) override;
  void rejected(const http::Rejected& what) override;
  void noticed(const base::Reason& what, const http::ConnectionInfo& connection) override;
  void error_answer(const base::Error& error, http::ResponseHead& head, std::string& body) override;
  void adopt(const process::Generation& next) override;

  net::EventLoop& loop() { return loop_; }
  std::size_t worker() const { return environment_.worker; }
  const Generation& current() const { return static_cast<const Generation&>(generations_.current()); }
  http::LoopDesk& desk() { return desk_; }
  http::UpstreamPool& pool() { return pool_; }
  http::FileService& files() { return files_; }
  void count_error(const base::ReasonRow& row);
  void log_error(std::string_view key, const std::string& message);
  void finished(FrontExchange& exchange);

 private:
  void count_duration(const Durations& durations, int status, base::Duration total);
  void log(const Generation& generation, const http::AccessRecord& record);
  observe::Cell& cell(const char* name, const char* help, const base::ReasonRow& row);

  net::EventLoop& loop_;
  process::Generations& generations_;
  http::LoopDesk& desk_;
  ServiceEnvironment environment_;
  http::UpstreamPool pool_;
  http::FileService files_;
  std::unordered_map<const base::ReasonRow*, observe::Cell*> errors_, notices_;
  observe::Cell* requests_ = nullptr;
  observe::Cell* sent_bytes_ = nullptr;
  observe::Cell* received_bytes_ = nullptr;
  std::string line_;
};

}  // namespace webfront
