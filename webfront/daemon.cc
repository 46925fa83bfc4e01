// SPDX-License-Identifier: BSD-2-Clause
#include "webfront/daemon.h"

#include <algorithm>

#include "net/worker.h"
#include "webfront/explain.h"

namespace webfront {

namespace {

bool speaks(const ListenOptions& listen, ListenProtocol protocol) {
  if (listen.protocols.empty()) return protocol == ListenProtocol::http1 || !std::holds_alternative<std::monostate>(listen.tls);
  return std::find(listen.protocols.begin(), listen.protocols.end(), protocol) != listen.protocols.end();
}

}  // namespace

bool Daemon::check_listeners(config::Context& context) {
  const std::size_t before = context.count();
  tls_.clear();
  for (const ListenOptions& listen : root_.listen) {
    tls_.emplace_back();
    const auto options = process::choose_tls(context, listen.where, listen.tls, root_.tls);
    if (!options) continue;
    std::vector<std::string> alpn;
    if (speaks(listen, ListenProtocol::http2)) alpn.emplace_back("h2");
    if (speaks(listen, ListenProtocol::http1)) alpn.emplace_back("http/1.1");
    tls_.back() = process::build_tls(context, *options, std::move(alpn), tickets_);
  }
  return context.count() == before;
}

bool Daemon::check(config::Context& context) {
  if (context.syntax_failed()) return false;
  shared_.compiled = compile(root_, context);
  check_listeners(context);
  shared_.via = root_.via.empty() ? default_via : root_.via;
  shared_.via_visits = root_.via_visits;
  shared_.body_size = root_.limits.body_size;
  if (root_.log.access) {
    const std::string format = root_.log.access->format.empty() ? "combined" : root_.log.access->format;
    shared_.log_answer_fields = format.find("$sent_http_") != std::string::npos || format.find("${sent_http_") != std::string::npos;
    std::string problem;
    if (!http::AccessFormat::compile(format, shared_.format, problem)) context.problem({}, "log.access.format: " + problem);
  }
  return !context.failed();
}

void Daemon::explain(process::AdminArguments arguments, process::Reply& reply) {
  ExplainRequest request;
  std::string problem;
  if (!parse_explain(arguments, request, problem)) return reply.error(problem);
  reply.text += webfront::explain(shared_.compiled->sites, request);
}

std::vector<process::ListenerSpec> Daemon::listeners() {
  std::vector<process::ListenerSpec> out;
  for (std::size_t i = 0; i < root_.listen.size(); ++i) {
    const ListenOptions& listen = root_.listen[i];
    for (const process::Address& address : listen.common.address) {
      process::ListenerSpec spec;
      spec.address = address;
      spec.info.name = address.text;
      spec.info.tls = tls_[i] != nullptr;
      spec.info.http1 = speaks(listen, ListenProtocol::http1);
      spec.info.http2 = speaks(listen, ListenProtocol::http2);
      spec.info.owner = &shared_.compiled->listeners[i];
      spec.tls = tls_[i];
      spec.backlog = listen.common.backlog;
      out.push_back(std::move(spec));
    }
  }
  return out;
}

http::ServerOptions Daemon::server_options() const { return process::server_options(root_.limits, std::chrono::seconds(60)); }

base::Result<void> Daemon::start(process::Runtime& runtime) {
  desks_.resize(runtime.workers());  // each is made by its worker
  return {};
}

std::unique_ptr<http::Service> Daemon::make_service(process::Runtime& runtime, net::Thread& worker) {
  ServiceEnvironment environment;
  for (std::uint32_t i = 0; i < runtime.workers(); ++i)
    if (&runtime.worker(i) == &worker) environment.worker = i;
  environment.offload = &runtime.offload();
  environment.metrics = &runtime.metrics();
  environment.errors = &runtime.error_log();
  if (const auto target = runtime.access_log()) {
    environment.access = &runtime.log_ring(static_cast<std::uint32_t>(environment.worker));
    environment.target = *target;
  }
  desks_[environment.worker] = std::make_unique<http::LoopDesk>(worker.loop());
  return std::make_unique<FrontService>(worker.loop(), shared_, *desks_[environment.worker], environment);
}

}  // namespace webfront
