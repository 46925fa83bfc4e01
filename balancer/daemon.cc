// SPDX-License-Identifier: BSD-2-Clause
#include "balancer/daemon.h"

#include "balancer/admin_commands.h"
#include "balancer/balance_service.h"
#include "balancer/explain.h"
#include "balancer/status_page.h"

namespace balancer {

BalancerDaemon::~BalancerDaemon() = default;

bool BalancerDaemon::check(config::Context& context) {
  check_references(context, root_.frontend, root_.backend);
  if (root_.log.access) {
    auto format = std::make_shared<http::AccessFormat>();
    std::string problem;
    const std::string& text = root_.log.access->format;
    if (!http::AccessFormat::compile(text.empty() ? "httplog" : text, *format, problem)) context.problem({}, "log.access.format: " + problem);
    format_ = std::move(format);
  }
  return true;
}

State& BalancerDaemon::state() {
  if (!state_) {
    state_ = std::make_unique<State>(root_.defaults, root_.frontend, root_.backend, root_.process.worker_count(), base::precise_now());
    state_->via_name = root_.via.empty() ? default_via : root_.via;
    state_->via_visits = root_.via_visits;
  }
  return *state_;
}

void BalancerDaemon::explain(process::AdminArguments arguments, process::Reply& reply) {
  balancer::explain(state(), runtime_ != nullptr, arguments, reply);
}

std::vector<process::ListenerSpec> BalancerDaemon::listeners() {
  std::vector<process::ListenerSpec> out;
  for (const Frontend& frontend : state().frontends)
    for (const process::Address& address : frontend.options.bind) {
      process::ListenerSpec spec;
      spec.address = address;
      spec.info.name = frontend.options.name;
      spec.info.owner = &frontend;
      spec.max_connections = frontend.options.maxconn.value_or(0);
      out.push_back(std::move(spec));
    }
  return out;
}

std::vector<process::PageSpec> BalancerDaemon::pages() {
  if (!root_.stats) return {};
  return {{"stats", root_.stats->address,
           [this](const process::PageRequest& request) { return status_page(state(), root_.stats->uri, request, now()); }}};
}

http::ServerOptions BalancerDaemon::server_options() const {
  const TimeoutOptions& timeout = root_.defaults.timeout;
  http::ServerOptions out;
  out.body_size = UINT64_MAX;  // limits of bodies are the front's and the application's
  out.header_timeout = timeout.http_request;
  out.idle_timeout = out.body_timeout = out.write_timeout = timeout.client;
  out.tunnel_timeout = timeout.tunnel;
  // What the front lets through must pass here, with the fields that it adds.
  out.head.bytes = 64 * 1024;
  out.head.fields = 200;
  out.head.target = 32 * 1024;
  return out;
}

void BalancerDaemon::commands(process::AdminRegistry& registry) {
  add_commands(registry, std::make_shared<const AdminContext>(AdminContext{
                             state(), [this] { return checker_.get(); }, [this] { return now(); },
                             [this] { return runtime_ ? runtime_->connections() : 0; }, base::precise_now()}));
}

base::Result<void> BalancerDaemon::start(process::Runtime& runtime) {
  runtime_ = &runtime;
  desks_.resize(runtime.workers());  // each worker makes its own
  checker_ = std::make_unique<Checker>(runtime.control().loop(), state(), runtime.error_log());
  return {};
}

std::unique_ptr<http::Service> BalancerDaemon::make_service(process::Runtime& runtime, net::Thread& worker) {
  desks_[worker.id()] = std::make_unique<http::LoopDesk>(worker.loop());
  RequestLog log;
  if (const auto target = runtime.access_log(); target && format_) log = RequestLog(runtime.log_ring(worker.id()), *target, format_);
  return std::make_unique<BalanceService>(worker.loop(), *state_, *desks_[worker.id()], worker.id(), std::move(log),
                                          ServiceTools{[&runtime] { return runtime.connections(); }, &runtime.metrics(), &runtime.error_log()});
}

void BalancerDaemon::append_metrics(std::string& out) { out += metrics_text(state(), now()); }

void BalancerDaemon::stop() {
  checker_.reset();
  desks_.clear();
}

}  // namespace balancer
