// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// Whether a request whose server failed is asked again. Where nothing was sent, any request goes back to the queue; where
// something was sent, only what may be done twice (RFC 9110 9.2.2), and only before a byte of the answer.
#pragma once

#include "balancer/reasons.h"
#include "http/head.h"
#include "observe/why.h"

namespace balancer {

struct RetryRules {
  std::uint32_t count = 2;
  bool conn_failure = true;
  bool empty_response = true;
};

enum class Failure : std::uint8_t { connect, empty, timeout, protocol, cut };

struct FailedAttempt {
  Failure failure = Failure::connect;
  http::Method method = http::Method::get;
  bool has_body = false;
  bool bytes_sent = false;    // any byte of the request reached the kernel
  bool began_answer = false;  // a byte of an answer arrived
  bool body_taken = false;    // bytes of its body were handed on and cannot be had again
  std::uint32_t retries = 0;  // repetitions after something was sent
  std::uint32_t connects = 0; // connects that failed, this one included
  std::uint32_t rows = 1;     // servers of the backend
  std::string_view server;
};

inline std::string_view failure_name(Failure failure) {
  switch (failure) {
    case Failure::connect: return "conn-failure";
    case Failure::empty: return "empty-response";
    case Failure::timeout: return "timeout";
    case Failure::protocol: return "bad-response";
    case Failure::cut: return "cut-short";
  }
  return "";
}

inline bool repeatable(http::Method method, bool has_body) {
  return !has_body && (method == http::Method::get || method == http::Method::head || method == http::Method::options);
}

template <observe::Why W>
bool may_retry(const RetryRules& rules, const FailedAttempt& attempt, W& why) {
  const auto no = [&](const base::ReasonRow& row, std::int64_t a = 0, std::int64_t b = 0, std::string_view subject = {}) {
    why.because(row, a, b, subject);
    return false;
  };
  if (attempt.failure == Failure::connect && !attempt.bytes_sent && !attempt.body_taken) {
    if (!rules.conn_failure) return no(reason::retry_off, 0, 0, failure_name(attempt.failure));
    // Each failure takes its server out of the choice, so this ends by itself; the bound is for servers that come back at once.
    const std::uint32_t bound = attempt.rows + rules.count;
    if (attempt.connects > bound) return no(reason::retry_count, attempt.connects - 1, bound);
    why.because(reason::retry_connect, attempt.connects, bound, attempt.server);
    return true;
  }
  if (attempt.began_answer) return no(reason::retry_begun, 0, 0, attempt.server);
  if (attempt.failure != Failure::empty && attempt.failure != Failure::connect) return no(reason::retry_kind, 0, 0, failure_name(attempt.failure));
  if (!rules.empty_response) return no(reason::retry_off, 0, 0, failure_name(attempt.failure));
  if (!repeatable(attempt.method, attempt.has_body)) return no(reason::retry_method);
  if (attempt.retries >= rules.count) return no(reason::retry_count, attempt.retries, rules.count);
  why.because(reason::retry_empty, attempt.retries + 1, rules.count, attempt.server);
  return true;
}

}  // namespace balancer
