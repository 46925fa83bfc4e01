// SPDX-License-Identifier: BSD-2-Clause
// The checks of one server, one after the other. Owner: the Checker. Control thread.
#pragma once

#include <memory>

#include "balancer/options.h"
#include "balancer/state.h"
#include "http/upstream_pool.h"
#include "net/transport.h"

namespace balancer {

class Checker;

HealthRules health_rules(const CheckOptions& options);

class CheckTask final : public net::Task {
 public:
  CheckTask(net::EventLoop& loop, Checker& checker, BackendState& backend, Server& server, const CheckOptions& options);
  const CheckOptions& options() const { return options_; }
  // Not later than at interval.change from now.
  void connection_failed();
  void hurry();  // at once

 protected:
  Step run() override;

 private:
  enum class State : std::uint8_t { waiting, connecting, asking };  // connecting: a TCP check
  struct Outcome {
    HealthEvent event;
    const char* word;
    int code = 0;
  };
  void begin();
  std::optional<Outcome> poll_tcp();
  std::optional<Outcome> poll_http();
  std::optional<Outcome> poll() { return state_ == State::connecting ? poll_tcp() : poll_http(); }
  bool expected(int status) const;
  void conclude(Outcome outcome);
  void log_change(const Health& before, const Health& after, const base::Reason& why, const Outcome& outcome);

  Checker& checker_;
  BackendState& backend_;
  Server& server_;
  const std::size_t row_;
  const CheckOptions options_;
  const HealthRules rules_;
  std::shared_ptr<http::Endpoint> endpoint_;
  State state_ = State::waiting;
  base::TimePoint next_{};
  base::TimePoint began_{};
  std::unique_ptr<http::Lease> lease_;
  std::unique_ptr<net::Transport> transport_;
  int refusal_ = 0;  // errno, if a TCP check could not even begin
};

}  // namespace balancer
