// SPDX-License-Identifier: BSD-2-Clause
#include "webfront/daemon.h"

#include <fmt/format.h>

#include <algorithm>

#include "net/worker.h"
#include "observe/error_log.h"
#include "webfront/explain.h"

namespace webfront {

namespace {

bool speaks(const ListenOptions& listen, ListenProtocol protocol) {
  if (listen.protocols.empty()) return protocol == ListenProtocol::http1 || !std::holds_alternative<std::monostate>(listen.tls);
  return std::find(listen.protocols.begin(), listen.protocols.end(), protocol) != listen.protocols.end();
}

}  // namespace

void Daemon::succeed(process::Daemon& serving) {
  const auto& before = static_cast<const Daemon&>(serving);
  tickets_ = before.tickets_;
  inherited_ = before.tls_;
}

void Daemon::names(process::Named& out) const {
  const auto add = [&out](const process::CertificateOptions& files) {
    out.files.push_back(files.cert);
    if (!files.key.empty()) out.files.push_back(files.key);
  };
  for (const ListenOptions& listen : root_.listen) {
    for (const process::Address& address : listen.common.address) out.addresses.push_back(address.address);
    if (const auto* own = std::get_if<process::CertificateOptions>(&listen.tls)) add(*own);
  }
  for (const auto& [name, section] : root_.tls)
    for (const process::CertificateOptions& files : section.certificates) add(files);
  for (const SiteOptions& site : root_.site)
    for (const auto& [codes, file] : site.error_pages) out.files.push_back(file);
}

void Daemon::check_listeners(config::Context& context) {
  tls_.clear();
  for (const ListenOptions& listen : root_.listen) {
    tls_.emplace_back();
    const auto options = process::choose_tls(context, listen.where, listen.tls, root_.tls);
    if (!options) continue;
    std::vector<std::string> alpn;
    if (speaks(listen, ListenProtocol::http2)) alpn.emplace_back("h2");
    if (speaks(listen, ListenProtocol::http1)) alpn.emplace_back("http/1.1");
    // What serves already is used again; and listeners of the same rules share one.
    process::TlsMaterials known = inherited_;
    known.insert(known.end(), tls_.begin(), tls_.end());
    tls_.back() = process::build_tls(context, *options, std::move(alpn), tickets_, known);
  }
  inherited_.clear();
}

bool Daemon::check(config::Context& context) {
  if (context.syntax_failed()) return false;
  compiled_ = compile(root_, context, default_via);
  check_listeners(context);
  return !context.failed();
}

void Daemon::explain(process::AdminArguments arguments, process::Reply& reply) {
  ExplainRequest request;
  std::string problem;
  if (!parse_explain(arguments, request, problem)) return reply.error(problem);
  reply.text += webfront::explain(compiled_->sites, request);
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
      spec.view = compiled_->listeners[i];
      if (tls_[i]) spec.tls = tls_[i]->context;
      spec.backlog = listen.common.backlog;
      out.push_back(std::move(spec));
    }
  }
  return out;
}

http::ServerOptions Daemon::server_options() const { return process::server_options(root_.limits, std::chrono::seconds(60)); }

base::Result<void> Daemon::start(process::Runtime& runtime) {
  runtime_ = &runtime;
  state_.emplace(runtime.workers());
  for (std::uint32_t i = 0; i < runtime.workers(); ++i) desks_.push_back(std::make_unique<http::LoopDesk>(runtime.worker(i).loop()));
  return {};
}

base::Result<std::unique_ptr<process::Generation>> Daemon::prepare(process::Daemon& from, const process::Generation* previous) {
  return state_->bind(static_cast<const Daemon&>(from).compiled_, static_cast<const Generation*>(previous));
}

void Daemon::commit(process::Daemon& from, process::Generation& next) {
  if (&from != this) {
    auto& read = static_cast<Daemon&>(from);
    root_ = read.root_;
    compiled_ = read.compiled_;
    tls_ = read.tls_;
    default_via = read.default_via;
  }
  state_->commit(static_cast<Generation&>(next), runtime_->metrics(), runtime_->control().loop().now());
  watch_certificates();
}

void Daemon::settled(const process::Generation& next, const process::Generation& before) {
  State::settle(static_cast<const Generation&>(next), static_cast<const Generation&>(before), *runtime_);
}

// --- certificates ---

void Daemon::watch_certificates() {
  if (!watch_) {
    observe::Cell& failures = runtime_->metrics()
                                  .counter("webfront_certificate_reload_failures_total", "Changed certificate files that could not be used.")
                                  .cell(runtime_->workers());
    process::CertificateWatch::Events events;
    events.replaced = [this](const process::TlsMaterial& old, const std::shared_ptr<const process::TlsMaterial>& fresh) { replaced(old, fresh); };
    events.failed = [this, &failures](const std::string& why) {
      failures.add();
      runtime_->error_log().write(observe::Level::error, "a certificate has changed, but cannot be used: " + why + "; the one that was loaded before stays");
    };
    watch_ = std::make_unique<process::CertificateWatch>(runtime_->control().loop(), process::certificate_files(runtime_->access()), std::move(events));
  }
  if (!rotation_) rotation_ = std::make_unique<process::TicketRotation>(runtime_->control().loop(), tickets_);
  watch_->watch(tls_);
}

void Daemon::replaced(const process::TlsMaterial& old, const std::shared_ptr<const process::TlsMaterial>& fresh) {
  for (auto& one : tls_)
    if (one.get() == &old) one = fresh;
  runtime_->replace_tls(old.context.get(), fresh->context);
  for (std::size_t i = 0; i < fresh->certificates.size(); ++i) {
    const net::Certificate& now = *fresh->certificates[i];
    if (now.same_as(*old.certificates[i])) continue;
    runtime_->error_log().write(observe::Level::notice, "new connections get the certificate that was renewed: " + now.path());
    for (const std::string& warning : now.warnings(base::SystemClock().unix_seconds())) runtime_->error_log().write(observe::Level::warn, warning);
  }
}

std::string Daemon::handover_state() { return tickets_->save(); }

void Daemon::take_handover_state(std::string_view state) { tickets_->restore(state); }

namespace {

std::string quoted(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

void append_queues(std::string& out, const process::HandoverBooks& books) {
  if (books.empty()) return;
  const auto family = [&](const char* name, const char* help, std::uint32_t http::Admission::Totals::* member) {
    out += fmt::format("# HELP {0} {1}\n# TYPE {0} gauge\n", name, help);
    for (const auto& [key, book] : books) out += fmt::format("{}{{queue=\"{}\"}} {}\n", name, quoted(key), book->totals().*member);
  };
  family("webfront_queue_active", "Requests under way, by the queue that bounds them.", &http::Admission::Totals::active);
  family("webfront_queue_waiting", "Requests that wait, by queue.", &http::Admission::Totals::waiting);
}

}  // namespace

void Daemon::append_metrics(std::string& out) {
  if (state_) append_queues(out, state_->books());
  std::map<std::string, std::int64_t> expiries;
  for (const auto& material : tls_)
    for (std::size_t i = 0; material && i < material->certificates.size(); ++i) expiries[material->certificates[i]->path()] = material->certificates[i]->not_after();
  if (expiries.empty()) return;
  const std::int64_t now = base::SystemClock().unix_seconds();
  out += "# HELP webfront_certificate_expiry_seconds Seconds until the certificate that is in use expires.\n# TYPE webfront_certificate_expiry_seconds gauge\n";
  for (const auto& [path, expiry] : expiries)
    out += fmt::format("webfront_certificate_expiry_seconds{{certificate=\"{}\"}} {}\n", quoted(path), expiry - now);
}

std::unique_ptr<process::WorkerService> Daemon::make_service(process::Runtime& runtime, net::Thread& worker, process::Generations& generations) {
  ServiceEnvironment environment;
  environment.worker = worker.id();
  environment.offload = &runtime.offload();
  environment.metrics = &runtime.metrics();
  environment.errors = &runtime.error_log();
  environment.access = &runtime.log_ring(worker.id());
  http::LoopDesk& desk = *desks_[worker.id()];
  desk.adopt_thread();
  return std::make_unique<FrontService>(worker.loop(), generations, desk, environment);
}

void Daemon::stop() {
  watch_.reset();
  rotation_.reset();
  desks_.clear();
}

}  // namespace webfront
