// SPDX-License-Identifier: BSD-2-Clause
// What a daemon gives to the frame that runs it (run_daemon.h), and what the frame gives to the daemon. Life of the daemon object that
// serves: made, read(), listeners(), pages(), start(), prepare(*this), commit(*this), commands(), make_service() once on each worker's
// thread, … , services destroyed on their threads, stop(), destroyed. For `-T` and explain: made, read(), effective() or explain().
// For a reload another object is made: succeed(the serving one), read(); then, on the one that serves, prepare(it), commit(it),
// settled(); then it is destroyed. Everything not said otherwise is called on the control thread (the main thread).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/loader.h"
#include "http/exchange.h"
#include "http/http1_server.h"
#include "net/worker.h"
#include "process/admin_registry.h"
#include "process/generation.h"
#include "process/handover_link.h"
#include "process/opener.h"
#include "process/opener_names.h"
#include "process/page_service.h"
#include "process/sections/log_options.h"
#include "process/sections/process_options.h"

namespace net {
class Offload;
class TlsContext;
}  // namespace net
namespace observe {
class ErrorLog;
class LogRing;
class LogWriter;
class Metrics;
}  // namespace observe

namespace process {

// One address on which clients are served.
struct ListenerSpec {
  Address address;                       // its text is the first word of the ready file's line
  http::ListenerInfo info;               // copied; `id` is the frame's
  std::shared_ptr<const void> view;      // the daemon's own view of the listener, found by Generation::listener_view(info.id)
  std::shared_ptr<net::TlsContext> tls;  // null: plain
  std::uint32_t backlog = 4096;
  std::uint32_t max_connections = 0;     // per process; 0: no limit. Beyond it the kernel's queue holds the rest.
};

// A page server of the daemon's own on the control thread (the balancer's status page).
struct PageSpec {
  std::string label;  // first word of the ready file's line: "stats"
  Address address;
  PageHandler handler;
};

// The running process as its daemon sees it. Outlives the daemon's services and tasks.
class Runtime {
 public:
  virtual ~Runtime() = default;
  virtual std::uint32_t workers() const = 0;
  virtual net::Thread& worker(std::uint32_t index) = 0;  // post() to it from any thread
  virtual net::Thread& control() = 0;                    // its loop drives checks and timers that must answer under load
  virtual net::Offload& offload() = 0;                   // make an OffloadClient a loop
  virtual observe::LogWriter& log_writer() = 0;
  // Access lines go to Generation::access_log through the ring of worker `index` (workers(): the control thread).
  virtual observe::LogRing& log_ring(std::uint32_t index) = 0;
  virtual observe::ErrorLog& error_log() = 0;            // any thread
  // Files that only somebody with more rights may read: certificates and keys that changed. Any thread; it may block.
  virtual Access& access() { return direct_access(); }
  virtual observe::Metrics& metrics() = 0;               // cells: worker index; workers(): the control thread
  virtual std::uint32_t connections() const = 0;         // of clients, all workers; any thread
  virtual bool draining() const = 0;                     // any thread
  // Listeners that use the TLS context `old` use `fresh` for new connections.
  virtual void replace_tls(const net::TlsContext* old, std::shared_ptr<net::TlsContext> fresh) = 0;
  // For state that no configuration names any more. It is kept while `in_use()` says so (asked on the control thread, from time to
  // time) and until every worker has been through its loop since; then `last()` runs, if given, and the state is let go.
  virtual void bury(std::shared_ptr<void> state, std::function<bool()> in_use, std::function<void()> last = {}) = 0;
  // It is named again. Nothing happens if it was not buried.
  virtual void exhume(const void* state) { (void)state; }
};

class Daemon {
 public:
  virtual ~Daemon() = default;

  // --- configuration: no side effects ---
  virtual const config::TableBase& table() const = 0;
  // A reload: before read(), on the new object. For state that is needed while reading (ticket keys).
  virtual void succeed(Daemon& serving) { (void)serving; }
  // Reads the root section and checks what spans sections; problems go to the context. True if there was no error.
  virtual bool read(config::Context& context) = 0;
  // The opener, and `-t`: the root section alone, without what is made of it; then what it names beside ProcessOptions and LogOptions:
  // addresses of listeners and pages, certificates, keys and other files.
  virtual bool read_sections(config::Context& context) = 0;
  virtual void names(Named& out) const { (void)out; }
  virtual std::string effective() const = 0;
  virtual config::Node effective_tree() const = 0;  // the same as a tree
  virtual const ProcessOptions& process_options() const = 0;
  virtual const LogOptions& log_options() const = 0;
  // `arguments` as after the word: [-X METHOD] [-H FIELD]… URL. Also without start(): then from the configuration alone.
  virtual void explain(AdminArguments arguments, Reply& reply) = 0;

  // --- serving ---
  virtual std::vector<ListenerSpec> listeners() = 0;
  virtual std::vector<PageSpec> pages() { return {}; }
  virtual http::ServerOptions server_options() const = 0;
  virtual void commands(AdminRegistry&) {}
  // State that lives as long as the process (desks, the store). Neither the control thread's loop nor the workers run yet, but messages
  // to them are kept. Rights are dropped already.
  virtual base::Result<void> start(Runtime& runtime) = 0;
  // What serves by the configuration that `from` has read: a new generation, bound to the state of the generation that serves (`previous`,
  // null at the start, when `from` is this object) wherever the key is the same, with fresh state where it is not. Everything that may
  // fail fails here, and the state that serves is not touched: the result may be thrown away.
  virtual base::Result<std::unique_ptr<Generation>> prepare(Daemon& from, const Generation* previous) = 0;
  // `next` will serve: takes the configuration of `from` (which may be this object) for its own, adds rows, raises limits, begins checks.
  // Exchanges of the generation before still run, and more may begin. Cannot fail.
  virtual void commit(Daemon& from, Generation& next) = 0;
  // All workers serve by `next`: what only `before` had is removed (rows drain, checks end, state is buried). `before` lives on while
  // exchanges pin it. Not called at the start.
  virtual void settled(const Generation& next, const Generation& before) = 0;
  // On the worker's thread; the service dies there, too, after its last connection. `generations` outlives it.
  virtual std::unique_ptr<WorkerService> make_service(Runtime& runtime, net::Thread& worker, Generations& generations) = 0;
  // Prometheus text of what is computed when asked, appended to the registered metrics.
  virtual void append_metrics(std::string&) {}
  // Draining began: stop starting things of one's own (checks, background fetches).
  virtual void draining() {}
  // --- upgrade of the binary ---
  // What the next process should know, of any length: ticket keys, health, what was overridden. The other one is told so after read() and
  // before listeners(); it may come from another version: what makes no sense is dropped.
  virtual std::string handover_state() { return {}; }
  virtual void take_handover_state(std::string_view state) { (void)state; }
  // The books whose limits hold for both processes together, by a key that both have. Valid from the first generation on.
  virtual HandoverBooks books() { return {}; }
  // The workers are gone: end what lives on the control thread.
  virtual void stop() {}

  // Set by the frame before read().
  std::string default_via;   // "<daemon>-<6 hex>": the received-by of Via where the configuration names none
};

// read(), effective() and table() of a daemon whose root section is `Root`.
template <class Root>
class DaemonWith : public Daemon {
 public:
  const config::TableBase& table() const override { return config::table_of<Root>(); }
  bool read(config::Context& context) override {
    const bool well = config::read_root(context, root_);
    return check(context) && well && !context.failed();
  }
  bool read_sections(config::Context& context) override { return config::read_root(context, root_); }
  std::string effective() const override { return config::effective_text(root_); }
  config::Node effective_tree() const override { return config::table_of<Root>().write(root_); }
  const Root& root() const { return root_; }

 protected:
  // What spans sections: names that refer to others, contradictions. Also called when the sections had problems; then it should only
  // add what is certainly wrong.
  virtual bool check(config::Context&) { return true; }
  Root root_;
};

}  // namespace process
