// SPDX-License-Identifier: BSD-2-Clause
#include "cachenode/daemon.h"

#include "cachenode/cache_service.h"
#include "cachenode/explain.h"
#include "observe/metrics.h"

namespace cachenode {

CachenodeDaemon::~CachenodeDaemon() = default;

bool CachenodeDaemon::check(config::Context& context) {
  compiled_.reset();
  if (context.syntax_failed()) return false;
  check_options(context, root_);
  std::shared_ptr<http::AccessFormat> format;
  if (root_.log.access) {
    format = std::make_shared<http::AccessFormat>();
    std::string problem;
    const std::string& text = root_.log.access->format;
    if (!http::AccessFormat::compile(text.empty() ? "combined" : text, *format, problem)) context.problem({}, "log.access.format: " + problem);
  }
  if (!context.failed()) compiled_ = compile(root_, std::move(format), default_via);
  return compiled_ != nullptr;
}

void CachenodeDaemon::names(process::Named& out) const {
  for (const ListenSection& section : root_.listen)
    for (const process::Address& address : section.common.address) out.addresses.push_back(address.address);
}

void CachenodeDaemon::explain(process::AdminArguments arguments, process::Reply& reply) {
  const base::TimePoint now = runtime_ ? runtime_->control().loop().now() : base::precise_now();
  const bool sick = origin_ && origin_->sick.load(std::memory_order_relaxed);
  cachenode::explain(*compiled_, store_.get(), sick, now, arguments, reply);
}

std::vector<process::ListenerSpec> CachenodeDaemon::listeners() {
  std::vector<process::ListenerSpec> out;
  for (std::size_t i = 0; i < root_.listen.size(); ++i)
    for (const process::Address& address : root_.listen[i].common.address) {
      process::ListenerSpec spec;
      spec.address = address;
      spec.info.name = address.text;
      spec.view = compiled_->listeners[i];
      spec.backlog = root_.listen[i].common.backlog;
      out.push_back(std::move(spec));
    }
  return out;
}

http::ServerOptions CachenodeDaemon::server_options() const {
  return process::server_options(root_.limits, std::chrono::seconds(120));
}

void CachenodeDaemon::commands(process::AdminRegistry& registry) {
  registry.add("store", "", "Figures of the store and the origin, one a line.", process::AdminLevel::user,
               [this](process::AdminArguments, process::Reply& reply) { stat(reply); });
}

void CachenodeDaemon::stat(process::Reply& reply) {
  if (!store_) return reply.error("not serving");
  const store::Store::Totals t = store_->totals();
  const Origin& origin = *origin_;
  const http::Admission::Totals queue = origin.book.totals();
  const auto row = [&reply](const char* name, std::uint64_t value) { reply.line(std::string(name) + " " + std::to_string(value)); };
  row("objects", t.objects);
  row("rows", t.rows);
  row("fetches", t.flights);
  row("bytes", t.used_bytes);
  row("limit_bytes", t.limit_bytes);
  row("pinned_bytes", t.pinned_bytes);
  row("stored", t.stored);
  row("evicted", t.evicted);
  row("invalidated", t.invalidated);
  row("not_kept", t.discarded);
  row("markers", t.markers);
  row("origin_active", queue.active);
  row("origin_waiting", queue.waiting);
  reply.line(std::string("origin_state ") + (origin.sick.load() ? "sick" : "well"));
}

void CachenodeDaemon::register_metrics(observe::Metrics& metrics) {
  using Totals = store::Store::Totals;
  const auto gauge = [&](const char* name, const char* help, std::uint64_t Totals::* member) {
    metrics.gauge_function(name, help, {}, [this, member] { return static_cast<double>(store_->totals().*member); });
  };
  const auto counter = [&](const char* name, const char* help, std::uint64_t Totals::* member) {
    metrics.counter_function(name, help, {}, [this, member] { return static_cast<double>(store_->totals().*member); });
  };
  gauge("cachenode_objects", "Objects stored.", &Totals::objects);
  gauge("cachenode_fetches_running", "Fetches in progress.", &Totals::flights);
  gauge("cachenode_store_bytes", "Bytes of the store in use, everything counted.", &Totals::used_bytes);
  gauge("cachenode_store_limit_bytes", "Bound of the store.", &Totals::limit_bytes);
  gauge("cachenode_store_pinned_bytes", "Bytes of evicted objects that are still being read.", &Totals::pinned_bytes);
  counter("cachenode_stored_objects_total", "Objects stored since the start.", &Totals::stored);
  counter("cachenode_evicted_objects_total", "Objects evicted for want of room.", &Totals::evicted);
  counter("cachenode_not_kept_total", "Answers fetched while an invalidation came, not kept.", &Totals::discarded);
  counter("cachenode_hit_for_miss_total", "Answers that left a hit-for-miss marker.", &Totals::markers);
  metrics.gauge_function("cachenode_origin_well", "1 while the origin's probe is well, or there is none.", {},
                         [this] { return origin_->sick.load() ? 0.0 : 1.0; });
  metrics.gauge_function("cachenode_origin_active", "Requests in progress at the origin.", {},
                         [this] { return static_cast<double>(origin_->book.totals().active); });
  metrics.gauge_function("cachenode_origin_waiting", "Requests waiting for a connection to the origin.", {},
                         [this] { return static_cast<double>(origin_->book.totals().waiting); });
}

base::Result<void> CachenodeDaemon::start(process::Runtime& runtime) {
  runtime_ = &runtime;
  doors_ = std::make_unique<WorkerDoors>(runtime);
  store_ = std::make_unique<store::Store>(store::Store::Options{root_.storage.memory}, *doors_);
  bound_ = std::make_unique<StoreBound>(runtime.control().loop(), *store_);
  for (std::uint32_t i = 0; i < runtime.workers(); ++i) desks_.push_back(std::make_unique<http::LoopDesk>(runtime.worker(i).loop()));
  probe_ = std::make_unique<ProbeOwner>(runtime.control().loop(), runtime.error_log());
  register_metrics(runtime.metrics());
  return {};
}

base::Result<std::unique_ptr<process::Generation>> CachenodeDaemon::prepare(process::Daemon& from, const process::Generation* previous) {
  return state_.bind(static_cast<const CachenodeDaemon&>(from).compiled_, static_cast<const Generation*>(previous));
}

void CachenodeDaemon::commit(process::Daemon& from, process::Generation& committed) {
  const auto& next = static_cast<const Generation&>(committed);
  if (&from != this) {
    const auto& read = static_cast<const CachenodeDaemon&>(from);
    root_ = read.root_;
    compiled_ = read.compiled_;
    default_via = read.default_via;
  }
  origin_ = next.origin;
  State::commit(next, runtime_->control().loop().now());
  bound_->set(root_.storage.memory);
  if (!runtime_->draining()) probe_->use(next);
}

void CachenodeDaemon::settled(const process::Generation& next, const process::Generation& before) {
  State::settle(static_cast<const Generation&>(next), static_cast<const Generation&>(before), *runtime_);
}

std::unique_ptr<process::WorkerService> CachenodeDaemon::make_service(process::Runtime& runtime, net::Thread& worker, process::Generations& generations) {
  http::LoopDesk& desk = *desks_[worker.id()];
  desk.adopt_thread();
  return std::make_unique<CacheService>(worker.loop(), generations, *store_, desk, worker.id(), RequestLog(runtime.log_ring(worker.id())), runtime);
}

void CachenodeDaemon::draining() { probe_.reset(); }

void CachenodeDaemon::stop() {
  probe_.reset();
  bound_.reset();
  desks_.clear();
  origin_.reset();
}

}  // namespace cachenode
