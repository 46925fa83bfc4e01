// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// May a stored answer be used now (RFC 9111 4.2.4)? Grace and stale-if-error apply where the answer permits stale use; a rule
// with stale_override lifts must-revalidate, proxy-revalidate and s-maxage, but only while the origin fails. Any thread.
#pragma once

#include "cachenode/freshness.h"
#include "cachenode/reasons.h"
#include "observe/why.h"

namespace cachenode {

enum class Use : std::uint8_t {
  fresh,
  stale,       // may be sent, with a refresh behind
  revalidate,  // only after the origin was asked
  gone,        // as if it were not there
};

struct UseView {
  const Freshness& freshness;
  base::TimePoint now;
  bool origin_fails = false;  // sick, unreachable, or answered 500, 502, 503 or 504 to this very question
};

// `why` says on which ground, or what stands against it.
template <observe::Why W>
Use use_stored(const UseView& view, W& why) {
  const Freshness& f = view.freshness;
  if (view.now >= f.kept_until) {
    why.because(reasons::use_gone);
    return Use::gone;
  }
  const Seconds ttl = ttl_at(f, view.now);
  if (ttl > 0) {
    why.because(reasons::use_fresh, ttl);
    return Use::fresh;
  }
  const Seconds stale = -ttl;
  if (!f.forbids_stale) {
    if (stale <= f.grace) {
      why.because(reasons::use_grace, stale, f.grace);
      return Use::stale;
    }
    if (view.origin_fails && stale <= f.stale_if_error) {
      why.because(reasons::use_stale_if_error, stale, f.stale_if_error);
      return Use::stale;
    }
  } else {
    if (view.origin_fails && f.stale_override && stale <= f.stale_if_error) {
      why.because(reasons::use_stale_override, stale, f.stale_if_error);
      return Use::stale;
    }
    why.considered(reasons::use_must_revalidate, stale, 0, f.forbids_stale);
  }
  if (view.origin_fails) why.considered(reasons::use_too_stale, stale, std::max(f.grace, f.stale_if_error));
  why.because(reasons::use_stale, stale);
  return Use::revalidate;
}

}  // namespace cachenode
