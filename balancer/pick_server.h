// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// Which server takes a request: the rows that are in the choice and have a free place, by policy. Pure on a view of the
// rows; apply_pick() is the only thing that moves the round robin. Runs under the book's mutex, or on a copy to explain.
#pragma once

#include "balancer/reasons.h"
#include "http/admission_view.h"
#include "observe/why.h"

namespace balancer {

enum class Balance : std::uint8_t { roundrobin, leastconn };

inline bool eligible(const http::ServerRow& row) { return row.in_choice() && row.free(); }

// Why a row is not considered, if it is not.
template <observe::Why W>
void consider_ineligible(const http::ServerRow& row, W& why) {
  const base::ReasonRow& reason = row.admin == http::AdminState::maint   ? reason::server_maint
                                  : row.admin == http::AdminState::drain ? reason::server_drain
                                  : !row.up                              ? reason::server_down
                                  : row.out                              ? reason::server_out
                                  : row.weight() == 0                    ? reason::server_weight
                                                                         : reason::server_full;
  why.considered(reason, row.used, row.limit(), row.name);
}

// (used + 1) / weight, compared without dividing: one more request on an idle light server weighs what it will weigh.
inline bool less_loaded(const http::ServerRow& a, const http::ServerRow& b) {
  const std::uint64_t left = std::uint64_t{a.used + 1} * b.weight(), right = std::uint64_t{b.used + 1} * a.weight();
  return left != right ? left < right : a.last_grant < b.last_grant;
}

// The next by smooth weighted round robin: every eligible row gains its weight, the richest is taken and pays the sum, so
// that weights 5,1,1 give a a b a c a a and not five in a row.
inline bool richer(const http::ServerRow& a, const http::ServerRow& b) {
  return a.current + a.weight() > b.current + b.weight();
}

// no_row where every row in the choice is full, or none is in it (any_in_choice tells).
template <observe::Why W>
std::size_t pick_server(Balance balance, std::span<const http::ServerRow> rows, std::string_view backend, W& why) {
  std::size_t best = http::no_row, candidates = 0;
  bool any = false;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    any = any || rows[i].in_choice();
    if (!eligible(rows[i])) continue;
    ++candidates;
    if (best == http::no_row || (balance == Balance::leastconn ? less_loaded(rows[i], rows[best]) : richer(rows[i], rows[best]))) best = i;
  }
  if constexpr (W::explains) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const http::ServerRow& row = rows[i];
      if (row.life != http::RowLife::live) continue;
      if (!eligible(row)) consider_ineligible(row, why);
      else if (i == best) continue;
      else if (balance == Balance::leastconn) why.considered(reason::server_busier, row.used, row.weight(), row.name);
      else why.considered(reason::server_later, row.current + row.weight(), row.weight(), row.name);
    }
  }
  if (best == http::no_row) {
    if (any) why.because(reason::must_wait);
    else why.because(reason::none_available, 0, 0, backend);
    return best;
  }
  const http::ServerRow& row = rows[best];
  if (candidates == 1) why.because(reason::only_server, row.used, row.weight(), row.name);
  else if (balance == Balance::leastconn) why.because(reason::leastconn, row.used, row.weight(), row.name);
  else why.because(reason::roundrobin, row.current + row.weight(), row.weight(), row.name);
  return best;
}

inline void apply_pick(Balance balance, std::span<http::ServerRow> rows, std::size_t chosen) {
  if (balance != Balance::roundrobin) return;
  std::int64_t total = 0;
  for (http::ServerRow& row : rows) {
    if (!eligible(row)) continue;
    row.current += row.weight();
    total += row.weight();
  }
  rows[chosen].current -= total;
}

// The policy as the book calls it.
class BalancePolicy final : public http::PickPolicy {
 public:
  explicit BalancePolicy(Balance balance) : balance_(balance) {}
  std::size_t pick(std::span<const http::ServerRow> rows) const override {
    observe::LastReason why;
    return pick_server(balance_, rows, {}, why);
  }
  void apply(std::span<http::ServerRow> rows, std::size_t chosen) const override { apply_pick(balance_, rows, chosen); }

 private:
  const Balance balance_;
};

inline const BalancePolicy& policy_of(Balance balance) {
  static const BalancePolicy roundrobin(Balance::roundrobin), leastconn(Balance::leastconn);
  return balance == Balance::leastconn ? leastconn : roundrobin;
}

}  // namespace balancer
