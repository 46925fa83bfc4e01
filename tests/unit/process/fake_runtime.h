// SPDX-License-Identifier: BSD-2-Clause
// A process that does not run: what a daemon's prepare(), commit() and settled() need, and what they said. Threads are made, not started.
#pragma once

#include <catch2/catch.hpp>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "net/offload.h"
#include "observe/error_log.h"
#include "observe/log_writer.h"
#include "observe/metrics.h"
#include "process/daemon.h"

namespace process_test {

class FakeRuntime final : public process::Runtime {
 public:
  explicit FakeRuntime(std::uint32_t workers = 2) : control_("control", workers), metrics_(workers + 1) {
    for (std::uint32_t i = 0; i < workers; ++i) workers_.emplace_back("worker", i);
  }
  struct Grave {
    std::shared_ptr<void> state;
    std::function<bool()> in_use;
    std::function<void()> last;
  };
  std::vector<Grave> graves;
  std::vector<std::pair<const net::TlsContext*, std::shared_ptr<net::TlsContext>>> replaced;

  std::uint32_t workers() const override { return static_cast<std::uint32_t>(workers_.size()); }
  net::Thread& worker(std::uint32_t index) override { return workers_[index]; }
  net::Thread& control() override { return control_; }
  net::Offload& offload() override { return offload_; }
  observe::LogWriter& log_writer() override { return writer_; }
  observe::LogRing& log_ring(std::uint32_t) override { std::abort(); }
  observe::ErrorLog& error_log() override { return errors_; }
  observe::Metrics& metrics() override { return metrics_; }
  std::uint32_t connections() const override { return 0; }
  bool draining() const override { return false; }
  void replace_tls(const net::TlsContext* old, std::shared_ptr<net::TlsContext> fresh) override { replaced.emplace_back(old, std::move(fresh)); }
  void bury(std::shared_ptr<void> state, std::function<bool()> in_use, std::function<void()> last) override {
    graves.push_back({std::move(state), std::move(in_use), std::move(last)});
  }
  void exhume(const void* state) override {
    std::erase_if(graves, [&](const Grave& one) { return one.state.get() == state; });
  }
  bool buried(const void* state) const {
    for (const Grave& grave : graves)
      if (grave.state.get() == state) return true;
    return false;
  }

 private:
  std::deque<net::Thread> workers_;
  net::Thread control_;
  net::Offload offload_{{1, 16}};
  observe::LogWriter writer_;
  observe::ErrorLog errors_{{observe::Level::emerg, {}, 10, std::chrono::seconds(10), {}}};
  observe::Metrics metrics_;
};

// A daemon that serves, and what reloads make of it. `G`: its generation.
template <class D, class G>
struct Serving {
  FakeRuntime runtime;
  D daemon;
  std::vector<std::unique_ptr<process::Generation>> generations;

  explicit Serving(const std::string& text) {
    read(daemon, text);
    REQUIRE(daemon.start(runtime));
    take(daemon, nullptr);
  }
  ~Serving() {
    daemon.stop();
    runtime.graves.clear();
    generations.clear();
  }
  G& now() { return static_cast<G&>(*generations.back()); }
  G& reload(const std::string& text) {
    D next;
    next.succeed(daemon);
    read(next, text);
    process::Generation* before = generations.back().get();
    take(next, before);
    daemon.settled(*generations.back(), *before);
    return now();
  }
  static void read(D& into, const std::string& text) {
    config::Context context;
    into.default_via = "test-via";
    config::load_text(context, "test.toml", text);
    const bool well = into.read(context);
    INFO(context.render_all());
    REQUIRE(well);
  }

 private:
  void take(D& from, const process::Generation* before) {
    auto made = daemon.prepare(from, before);
    REQUIRE(made);
    generations.push_back(std::move(*made));
    daemon.commit(from, *generations.back());
  }
};

}  // namespace process_test
