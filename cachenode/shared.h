// SPDX-License-Identifier: BSD-2-Clause
// What all workers share: the compiled configuration, the store, the origin. Made before the workers, destroyed after them.
#pragma once

#include <atomic>
#include <deque>
#include <memory>

#include "cachenode/options.h"
#include "cachenode/store/store.h"
#include "http/admission.h"
#include "http/upstream_pool.h"
#include "process/daemon.h"

namespace cachenode {

// A listener as exchanges see it (ListenerInfo::owner).
struct Listener {
  std::shared_ptr<const net::NetworkList> trusted;
};

// Where answers come from. `sick` is written by the probe, read by everybody: it decides staleness only.
struct Origin {
  Origin(const std::string& name, const OriginSection& section);
  std::string name;
  std::shared_ptr<http::Endpoint> endpoint;
  http::Admission book;
  base::Duration queue_timeout;
  std::optional<ProbeSection> probe;
  std::atomic<bool> sick{false};
};

struct Shared {
  Shared(const Options& options, const std::string& default_via);
  Policy policy;
  HeadersSection headers;
  bool append_xff;
  std::shared_ptr<const net::NetworkList> purge_allow;
  base::Duration settle;
  std::deque<Listener> listeners;   // one an address
  Origin origin;
};

// The doors of the workers' loops.
class WorkerDoors final : public store::Doors {
 public:
  explicit WorkerDoors(process::Runtime& runtime) : runtime_(runtime) {}
  unsigned workers() const override { return runtime_.workers(); }
  void post(unsigned worker, net::Message message) override { runtime_.worker(worker).post(std::move(message)); }

 private:
  process::Runtime& runtime_;
};

}  // namespace cachenode
