// SPDX-License-Identifier: BSD-2-Clause
// A worker's part of webfront: makes exchanges, owns the worker's upstream connections and looked-up files, counts and logs what
// ended. Worker thread. Shared is what all workers read.
#pragma once

#include <array>
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
#include "webfront/compile.h"
#include "webfront/upstream_request.h"

namespace webfront {

class FrontExchange;

// Immutable while serving, but for the books inside.
struct Shared {
  std::unique_ptr<Compiled> compiled;
  std::string via;
  std::uint32_t via_visits = 0;
  std::uint64_t body_size = 256ULL << 20;
  http::AccessFormat format;
  bool log_answer_fields = false;  // the format has $sent_http_…: heads of answers are kept for it
};

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
  observe::LogRing* access = nullptr;  // null: no access log
  observe::LogTarget target = 0;
  http::UpstreamPool::Connector connector = net::connect_plain;  // tests: memory
};

class FrontService final : public http::Service {
 public:
  FrontService(net::EventLoop& loop, Shared& shared, http::LoopDesk& desk, const ServiceEnvironment& environment);

  std::unique_ptr<http::Exchange> open(net::TaskOwner& owner, http::Stream stream) override;
  void rejected(const http::Rejected& what) override;
  void noticed(const base::Reason& what, const http::ConnectionInfo& connection) override;
  void error_answer(const base::Error& error, http::ResponseHead& head, std::string& body) override;

  net::EventLoop& loop() { return loop_; }
  Shared& shared() { return shared_; }
  http::LoopDesk& desk() { return desk_; }
  http::UpstreamPool& pool() { return pool_; }
  http::FileService& files() { return files_; }
  // Whose turn it is among an upstream's servers.
  std::size_t turn(std::size_t upstream) { return turns_[upstream]++; }
  void count_error(const base::ReasonRow& row);
  void log_error(std::string_view key, const std::string& message);
  void finished(FrontExchange& exchange);

 private:
  using Classes = std::array<observe::HistogramCells*, 6>;  // by status / 100; 0: none was sent
  void add_histograms();
  void log(const http::AccessRecord& record);
  observe::Cell& cell(const char* name, const char* help, const base::ReasonRow& row);

  net::EventLoop& loop_;
  Shared& shared_;
  http::LoopDesk& desk_;
  ServiceEnvironment environment_;
  http::UpstreamPool pool_;
  http::FileService files_;
  std::vector<std::size_t> turns_;
  std::unordered_map<const Route*, Classes> durations_;  // null: no route
  std::unordered_map<const base::ReasonRow*, observe::Cell*> errors_, notices_;
  observe::Cell* requests_ = nullptr;
  observe::Cell* sent_bytes_ = nullptr;
  observe::Cell* received_bytes_ = nullptr;
  std::string line_;
};

}  // namespace webfront
