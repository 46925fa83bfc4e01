// SPDX-License-Identifier: BSD-2-Clause
// A listener of the process, known by its address, and what the configuration says of it now. Kept over reloads as long as the
// address is configured.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "net/listener.h"
#include "observe/metrics.h"
#include "process/daemon.h"

namespace process {

// Owner: Listeners (control thread); connections share it, so that it may outlive its removal.
struct OpenListener {
  std::uint32_t id = 0;
  std::string key;                            // the address, however it was written; a second one of the same (port 0) has "#2"
  std::unique_ptr<net::Listener> listener;    // control thread; null once it was removed and nobody accepts any more
  observe::Metric* accept_failures = nullptr;
  observe::Metric* full = nullptr;            // how often max_connections was reached
  std::atomic<std::uint32_t> connections{0};  // open now, all workers, those on their way to a worker included
};

// What is configured: immutable, replaced by a reload. Connections keep the one they came with, for its ListenerInfo.
struct ListenerSetting {
  std::shared_ptr<OpenListener> open;
  std::string text;              // the address as written
  http::ListenerInfo info;
  std::shared_ptr<net::TlsContext> tls;
  std::uint32_t max_connections = 0;
};
using ListenerSettings = std::vector<std::shared_ptr<const ListenerSetting>>;

// What a reload gives to every worker; the same object for all of them.
struct Adoption {
  const Generation* generation = nullptr;
  http::ServerOptions options;
  ListenerSettings listeners;
};

}  // namespace process
