// SPDX-License-Identifier: BSD-2-Clause
// What a daemon gives to the frame that runs it (run_daemon.h), and what the frame gives to the daemon. Life of a daemon object:
// made, read(), then either effective() or explain(), or: listeners(), pages(), commands(), start(), make_service() once on each
// worker's thread, … , services destroyed on their threads, stop(), destroyed. Everything not said otherwise is called on the
// control thread (the main thread).
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
  http::ListenerInfo info;               // copied; `owner` must stay valid until stop()
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
  // Where access lines go: the target of `[log] access` (nullopt: off) and the ring of worker `index` (workers(): the control thread).
  virtual std::optional<std::uint16_t> access_log() const = 0;
  virtual observe::LogRing& log_ring(std::uint32_t index) = 0;
  virtual observe::ErrorLog& error_log() = 0;            // any thread
  virtual observe::Metrics& metrics() = 0;               // cells: worker index; workers(): the control thread
  virtual std::uint32_t connections() const = 0;         // of clients, all workers; any thread
  virtual bool draining() const = 0;                     // any thread
};

class Daemon {
 public:
  virtual ~Daemon() = default;

  // --- configuration: no side effects ---
  virtual const config::TableBase& table() const = 0;
  // Reads the root section and checks what spans sections; problems go to the context. True if there was no error.
  virtual bool read(config::Context& context) = 0;
  virtual std::string effective() const = 0;
  virtual const ProcessOptions& process_options() const = 0;
  virtual const LogOptions& log_options() const = 0;
  // `arguments` as after the word: [-X METHOD] [-H FIELD]… URL. Also without start(): then from the configuration alone.
  virtual void explain(AdminArguments arguments, Reply& reply) = 0;

  // --- serving ---
  virtual std::vector<ListenerSpec> listeners() = 0;
  virtual std::vector<PageSpec> pages() { return {}; }
  virtual http::ServerOptions server_options() const = 0;
  virtual void commands(AdminRegistry&) {}
  // Shared state, tasks on the control thread's loop. Neither that nor the workers run yet, but messages to them are kept. Rights are
  // dropped already.
  virtual base::Result<void> start(Runtime& runtime) = 0;
  // On the worker's thread; the service dies there, too, after its last connection.
  virtual std::unique_ptr<http::Service> make_service(Runtime& runtime, net::Thread& worker) = 0;
  // Prometheus text of what is computed when asked, appended to the registered metrics.
  virtual void append_metrics(std::string&) {}
  // Draining began: stop starting things of one's own (checks, background fetches).
  virtual void draining() {}
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
  std::string effective() const override { return config::effective_text(root_); }
  const Root& root() const { return root_; }

 protected:
  // What spans sections: names that refer to others, contradictions. Also called when the sections had problems; then it should only
  // add what is certainly wrong.
  virtual bool check(config::Context&) { return true; }
  Root root_;
};

}  // namespace process
