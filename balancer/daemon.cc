// SPDX-License-Identifier: BSD-2-Clause
#include "balancer/daemon.h"

#include "balancer/admin_commands.h"
#include "balancer/balance_service.h"
#include "balancer/explain.h"
#include "balancer/status_page.h"
#include "net/worker.h"

namespace balancer {

BalancerDaemon::BalancerDaemon() : roster_(tools()) {}
BalancerDaemon::~BalancerDaemon() = default;

base::TimePoint BalancerDaemon::now() const { return runtime_ ? runtime_->control().loop().now() : base::precise_now(); }

Roster::Tools BalancerDaemon::tools() {
  Roster::Tools out;
  out.now = [this] { return now(); };
  out.wall = [] { return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count(); };
  out.bury = [this](std::shared_ptr<void> state, std::function<bool()> in_use, std::function<void()> last) {
    if (runtime_) runtime_->bury(std::move(state), std::move(in_use), std::move(last));
  };
  out.forget = [this](const Roster::Endpoints& endpoints) { forget(endpoints); };
  out.log = [this](observe::Level level, const std::string& what) {
    if (runtime_) runtime_->error_log().write(level, what);
  };
  out.changed = [this] { keep_state(); };
  return out;
}

// --- configuration ---

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

const std::shared_ptr<Plan>& BalancerDaemon::plan() {
  if (!plan_) {
    plan_ = std::make_shared<Plan>(root_.defaults, root_.frontend, root_.backend, workers_ ? workers_ : root_.process.worker_count());
    plan_->via_name = root_.via.empty() ? default_via : root_.via;
    plan_->via_visits = root_.via_visits;
    plan_->format = format_;
  }
  return plan_;
}

void BalancerDaemon::explain(process::AdminArguments arguments, process::Reply& reply) {
  const bool live = roster_.plan() != nullptr && runtime_ != nullptr;
  if (!roster_.plan()) {
    plan()->bind(nullptr, now());
    roster_.commit(plan());
  }
  balancer::explain(*roster_.plan(), live, arguments, reply);
}

void BalancerDaemon::names(process::Named& out) const {
  for (const FrontendOptions& frontend : root_.frontend)
    for (const process::Address& address : frontend.bind) out.addresses.push_back(address.address);
  if (root_.stats) out.addresses.push_back(root_.stats->address.address);
  for (const BackendOptions& backend : root_.backend)
    for (const auto& [statuses, file] : backend.error_pages) out.files.push_back(file);
}

std::vector<process::ListenerSpec> BalancerDaemon::listeners() {
  std::vector<process::ListenerSpec> out;
  for (const auto& frontend : plan()->frontends)
    for (const process::Address& address : frontend->options.bind) {
      process::ListenerSpec spec;
      spec.address = address;
      spec.info.name = frontend->options.name;
      spec.view = frontend;
      spec.max_connections = frontend->options.maxconn.value_or(0);
      out.push_back(std::move(spec));
    }
  return out;
}

std::vector<process::PageSpec> BalancerDaemon::pages() {
  if (!root_.stats) return {};
  return {{"stats", root_.stats->address,
           [this](const process::PageRequest& request) {
             if (!root_.stats) return process::Page{};  // a connection that is left of a page that was removed
             return status_page(*roster_.plan(), root_.stats->uri, request, now());
           }}};
}

http::ServerOptions BalancerDaemon::server_options() const {
  const TimeoutOptions& timeout = root_.defaults.timeout;
  http::ServerOptions out;
  out.body_size = UINT64_MAX;  // limits of bodies are the front's and the application's
  out.header_timeout = timeout.http_request;
  out.idle_timeout = out.body_timeout = out.write_timeout = timeout.client;
  out.min_body_rate = root_.defaults.min_body_rate;
  out.min_write_rate = root_.defaults.min_write_rate;
  out.tunnel_timeout = timeout.tunnel;
  // What the front lets through must pass here, with the fields that it adds.
  out.head.bytes = 64 * 1024;
  out.head.fields = 200;
  out.head.target = 32 * 1024;
  return out;
}

void BalancerDaemon::commands(process::AdminRegistry& registry) {
  add_commands(registry, std::make_shared<const AdminContext>(
                             AdminContext{roster_, [this] { return now(); }, [this] { return runtime_ ? runtime_->connections() : 0; }, base::precise_now()}));
}

// --- generations ---

base::Result<void> BalancerDaemon::start(process::Runtime& runtime) {
  runtime_ = &runtime;
  workers_ = runtime.workers();
  desks_.resize(workers_);  // each worker makes its own
  services_.resize(workers_);
  checker_ = std::make_unique<Checker>(runtime.control().loop(), runtime.error_log());
  roster_.set_checker(checker_.get());
  if (handed_over_ && handed_over_->overrides) roster_.set_overrides(std::move(*handed_over_->overrides));
  else if (!root_.state.empty()) roster_.set_overrides(load_state(root_.state, runtime.error_log()));
  return {};
}

base::Result<std::unique_ptr<process::Generation>> BalancerDaemon::prepare(process::Daemon& from, const process::Generation* previous) {
  auto& source = static_cast<BalancerDaemon&>(from);
  source.plan()->bind(previous ? static_cast<const Generation*>(previous)->plan.get() : nullptr, now());
  return std::make_unique<Generation>(source.plan());
}

void BalancerDaemon::commit(process::Daemon& from, process::Generation& next) {
  auto& source = static_cast<BalancerDaemon&>(from);
  if (&source != this) {
    root_ = source.root_;
    plan_ = source.plan_;
    format_ = source.format_;
  }
  if (state_file_ && state_file_->path() != root_.state) state_file_.reset();
  const bool fresh = !state_file_ && !root_.state.empty();
  if (fresh)
    state_file_ = std::make_unique<StateFile>(root_.state, runtime_->offload(), runtime_->control().loop(), runtime_->error_log(), runtime_->metrics(),
                                              runtime_->workers());
  auto& generation = static_cast<Generation&>(next);
  generation.gone = roster_.commit(generation.plan);
  if (const auto known = std::exchange(handed_over_, {})) apply(*known, *generation.plan, now());
  if (fresh && !roster_.overrides().empty()) keep_state();
}

void BalancerDaemon::settled(const process::Generation&, const process::Generation& before) { roster_.settle(*static_cast<const Generation&>(before).plan); }

void BalancerDaemon::keep_state() {
  if (state_file_) state_file_->keep(overrides_json(roster_.overrides()));
}

// Services come and go on their workers' threads; only there the list is looked at.
void BalancerDaemon::forget(const Roster::Endpoints& endpoints) {
  if (!runtime_) return;
  for (std::uint32_t i = 0; i < runtime_->workers(); ++i)
    runtime_->worker(i).post([this, i, endpoints] {
      if (!services_[i]) return;
      for (const auto& endpoint : endpoints) services_[i]->pool().forget(*endpoint);
    });
}

std::unique_ptr<process::WorkerService> BalancerDaemon::make_service(process::Runtime& runtime, net::Thread& worker, process::Generations& generations) {
  const std::size_t id = worker.id();
  desks_[id] = std::make_unique<http::LoopDesk>(worker.loop());
  auto service = std::make_unique<BalanceService>(
      worker.loop(), generations, *desks_[id], id, RequestLog(runtime.log_ring(worker.id())),
      ServiceTools{[&runtime] { return runtime.connections(); }, &runtime.metrics(), &runtime.error_log(), [this, id] { services_[id] = nullptr; }});
  services_[id] = service.get();
  return service;
}

void BalancerDaemon::append_metrics(std::string& out) { out += metrics_text(*roster_.plan(), now()); }

process::HandoverBooks BalancerDaemon::books() {
  process::HandoverBooks out;
  for (const auto& backend : roster_.plan()->backends)
    out.emplace_back(backend->name(), std::shared_ptr<http::Admission>(backend->state, &backend->state->book));
  return out;
}

// Another process may check from now on, and keep the state file.
void BalancerDaemon::draining() {
  for (const auto& backend : roster_.plan()->backends)
    for (const auto& server : backend->state->servers) checker_->end(*server);
  state_file_.reset();
}

void BalancerDaemon::stop() {
  state_file_.reset();
  roster_.set_checker(nullptr);
  checker_.reset();
  desks_.clear();
}

}  // namespace balancer
