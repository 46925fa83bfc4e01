// SPDX-License-Identifier: BSD-2-Clause
// What outlives configurations: the book of a backend, its servers with health and counters, the counters of a frontend. Known by name
// (a server by backend, name and address), inherited by every generation that names them. Made and destroyed on the control thread;
// what changes is guarded by the book, atomic, or the control thread's alone.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "balancer/counters.h"
#include "balancer/health_after.h"
#include "http/admission.h"

namespace balancer {

// The last result of a check, in HAProxy's words.
struct CheckResult {
  const char* status = "INI";  // L4OK, L7OK, L4CON, L4TOUT, L7TOUT, L7RSP, L7STS, SOCKERR
  int code = 0;                // HTTP status, 0 if there was none
  std::uint32_t duration_ms = 0;
  bool running = false;
};

// Found by workers as the owner of a slot; an exchange that goes on after its slot shares it.
struct Server : std::enable_shared_from_this<Server> {
  Server(std::string given, std::string full, const net::Address& at, std::size_t workers)
      : name(std::move(given)), full_name(std::move(full)), address(at), address_text(at.text()), counters(workers) {}
  const std::string name;
  const std::string full_name;  // "backend/server"
  const net::Address address;
  const std::string address_text;
  CounterSet counters;

  // Control thread.
  std::size_t row = http::no_row;                  // in the book
  std::shared_ptr<const http::Endpoint> endpoint;  // what the row says, too
  bool checked = true;
  bool added = false;                              // by a command; no configuration names it

  // Guarded by the backend's book (Admission::change and read).
  Health health;
  CheckResult check;
  base::TimePoint changed{};      // of state, for lastchg
  base::Duration downtime{};      // finished outages
  std::uint64_t check_failures = 0, went_down = 0;
};

struct BackendState {
  BackendState(const std::string& given, std::uint32_t max_waiting, const http::PickPolicy& policy, std::size_t workers, base::TimePoint now)
      : name(given), book(given, {.max_waiting = max_waiting}, policy), counters(workers), started(now) {}
  // Some server takes requests.
  bool any_up() const;

  const std::string name;
  http::Admission book;
  CounterSet counters;
  Gauge sessions;
  const base::TimePoint started;
  std::atomic<std::uint32_t> server_count{0};

  // Control thread.
  std::vector<std::shared_ptr<Server>> servers;  // in the order of the configuration, then those that commands added
  std::vector<std::shared_ptr<Server>> leaving;  // rows are removed when all workers serve by what does not name them
  bool begun = false;                            // a commit has seen it
};

struct FrontendState {
  FrontendState(std::string given, std::size_t workers) : name(std::move(given)), counters(workers) {}
  const std::string name;
  CounterSet counters;
  Gauge sessions;      // requests now
};

}  // namespace balancer
