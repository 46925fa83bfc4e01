// SPDX-License-Identifier: BSD-2-Clause
#include "process/workers.h"

#include <fmt/core.h>

#include <latch>

namespace process {

Workers::Workers(const std::string& name, std::uint32_t count, net::Thread& control) : control_(control) {
  for (std::uint32_t i = 0; i < count; ++i) threads_.push_back(std::make_unique<net::Thread>(fmt::format("{}/{}", name.substr(0, 11), i), i));
}

Workers::~Workers() = default;

std::uint32_t Workers::connections() const {
  std::uint32_t sum = 0;
  for (const auto& thread : threads_) sum += thread->load().load(std::memory_order_relaxed);
  return sum;
}

void Workers::start(Daemon& daemon, Runtime& runtime, net::MemoryBudget& budget, const WorkerFrame::Events& events, const Adoption& first) {
  for (auto& thread : threads_) frames_.push_back(std::make_unique<WorkerFrame>(*thread, daemon, runtime, budget, events));
  // All are ready before the first accepts: one accepter may deal to every worker.
  auto ready = std::make_shared<std::latch>(count());
  for (std::uint32_t i = 0; i < count(); ++i)
    threads_[i]->start([this, frame = frames_[i].get(), &first, ready] {
      frame->open(first, frames_);
      ready->count_down();
    });
  ready->wait();
  // And all accept before a reload that comes at once changes what that one looks up of the others.
  auto accepting = std::make_shared<std::latch>(count());
  tell([accepting](WorkerFrame& frame) {
    frame.accept_added();
    accepting->count_down();
  });
  accepting->wait();
}

void Workers::tell(std::function<void(WorkerFrame&)> order, Then then) {
  struct Round {
    std::function<void(WorkerFrame&)> order;
    Then then;
    std::size_t left;  // control thread
  };
  auto round = std::make_shared<Round>(Round{std::move(order), std::move(then), frames_.size()});
  for (auto& frame : frames_)
    frame->thread().post([this, round, one = frame.get()] {
      round->order(*one);
      if (!round->then) return;
      control_.post([round] {
        if (--round->left == 0) std::exchange(round->then, {})();
      });
    });
}

void Workers::end() {
  for (std::uint32_t i = 0; i < frames_.size(); ++i) threads_[i]->stop([frame = frames_[i].get()] { frame->close(); });
  for (auto& thread : threads_) thread->join();
  frames_.clear();
}

}  // namespace process
