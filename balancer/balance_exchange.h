// SPDX-License-Identifier: BSD-2-Clause
// One request through the balancer: frontend, backend, place at a server, upstream, answer, log. Owner: the client's
// connection. Worker thread.
//
// A failed attempt returns to `admission` with its old arrival number, as long as may_retry permits. A client that leaves gives up
// its place in the queue at once; a slot whose request was fully sent passes with the lease to the pool, which returns it when the server is
// done.
#pragma once

#include "balancer/backend.h"
#include "balancer/generation.h"
#include "http/relay.h"

namespace balancer {

class BalanceService;

class BalanceExchange final : public http::Exchange {
 public:
  BalanceExchange(BalanceService& service, net::TaskOwner& owner, http::Stream stream);
  ~BalanceExchange() override;

  // In the order in which they happen.
  enum class State : std::uint8_t {
    route,      // loop, health page, backend
    body,       // the request's body is complete, or enough of it is there
    admission,  // asks for a server
    queue,      // every server is full
    upstream,   // a server has (or gets) the request
    answer,     // its answer flows to the client
    settle,     // the last bytes leave
    ended,
  };

  // What the log and the counters need.
  struct Facts {
    const Frontend* frontend = nullptr;
    const Backend* backend = nullptr;
    std::shared_ptr<Server> server;     // the last one asked
    base::TimePoint queued{}, admitted{}, sent{}, answered{};
    base::Duration queue_time{}, connect_time{};
    std::uint32_t queue_ahead = 0;
    std::uint32_t retries = 0, connects = 0;
    bool redispatched = false, reused = false;
    int status = 0;             // sent to the client, 0: none
    int upstream_status = 0;
    base::RecycledString client_ip;  // the effective client's
    bool cookie_sent = false;   // the request had our cookie
    bool cookie_set = false;
    char termination[5] = "----";
    std::uint32_t backend_sessions = 0, server_sessions = 0;
  };
  const Facts& facts() const { return facts_; }
  const base::Reason& why() const { return end_reason(); }
  // By which it is logged: the one it began with; a tunnel, which may last for hours, lets go of that.
  const Generation& generation() const;

 protected:
  Step run() override;

 private:
  enum class Next : std::uint8_t { go_on, wait };

  Next run_route();
  Next run_body();
  Next run_admission();
  Next run_queue();
  Next run_upstream();
  Next run_answer();
  Next run_settle();
  bool serve_health();
  void prepare_head(http::RequestHead& head);
  http::RowId find_named();
  void take_granted();
  Next attempt_failed();
  void answer_head();
  void answer_own(base::Error error, const char* termination);
  void client_left(const base::ReasonRow& row, const char* termination);
  void finish(base::Reason reason);
  Next go(State state);
  void let_go_of_generation();
  Server* server() { return facts_.server.get(); }
  std::string_view server_name() { return server() ? std::string_view(server()->full_name) : std::string_view{}; }
  Counters& backend_counters();
  Counters& server_counters();

  BalanceService& service_;
  process::Pin pin_;
  const Plan* plan_;
  // A tunnel's: its pin is released.
  std::shared_ptr<const Frontend> own_frontend_;
  std::shared_ptr<const Backend> own_backend_;
  State state_ = State::route;
  Facts facts_;
  std::string match_;                  // of the path, for rules
  std::optional<http::Ticket> ticket_;
  std::unique_ptr<http::Lease> lease_;
  http::Relay relay_;
  base::Reason end_;
  std::optional<std::string> cookie_;  // value of the sticky cookie
  http::RowId named_;                  // the row it named when the request asked for a place
  http::RowId row_;                    // of the last slot
  bool trial_ = false;
  bool only_if_ = true;
  bool tunnel_ = false;
};

}  // namespace balancer
