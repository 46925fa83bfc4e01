// SPDX-License-Identifier: BSD-2-Clause
// The doors of the workers' loops, as the store knows them. Any thread.
#pragma once

#include "cachenode/store/store.h"
#include "process/daemon.h"

namespace cachenode {

class WorkerDoors final : public store::Doors {
 public:
  explicit WorkerDoors(process::Runtime& runtime) : runtime_(runtime) {}
  unsigned workers() const override { return runtime_.workers(); }
  void post(unsigned worker, net::Message message) override { runtime_.worker(worker).post(std::move(message)); }

 private:
  process::Runtime& runtime_;
};

}  // namespace cachenode
