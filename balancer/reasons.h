// SPDX-License-Identifier: BSD-2-Clause
// The balancer's reasons: one row for every judgement and every error it makes. Constants; any thread.
#pragma once

#include "base/reason.h"

namespace balancer::reason {

// --- choosing a backend ---
inline constexpr base::ReasonRow use_backend{"use-backend", "rule {a} of frontend {s} matches"};
inline constexpr base::ReasonRow rule_differs{"rule-differs", "rule {a} does not match: {s}"};
inline constexpr base::ReasonRow default_backend{"default-backend", "no rule matches: default_backend of frontend {s}"};
inline constexpr base::ReasonRow no_backend{"no-backend", "no rule matches and frontend {s} has no default_backend", 503, "destination_not_found"};

// --- choosing a server ---
inline constexpr base::ReasonRow sticky{"sticky", "the cookie names server {s}"};
inline constexpr base::ReasonRow sticky_unknown{"sticky-unknown", "the cookie names no server of this backend"};
inline constexpr base::ReasonRow sticky_down{"sticky-down", "the cookie names server {s}, which takes no requests"};
inline constexpr base::ReasonRow sticky_none{"sticky-none", "the request has no cookie {s}"};
inline constexpr base::ReasonRow only_server{"only-server", "{s} is the only server with a free place"};
inline constexpr base::ReasonRow roundrobin{"roundrobin", "{s} is next by weight (credit {a} of {b})"};
inline constexpr base::ReasonRow leastconn{"leastconn", "{s} has the fewest requests for its weight ({a} running, weight {b})"};
inline constexpr base::ReasonRow server_down{"server-down", "{s} is down"};
inline constexpr base::ReasonRow server_out{"server-out", "{s} refused a connection and has not passed a check since"};
inline constexpr base::ReasonRow server_drain{"server-drain", "{s} is draining"};
inline constexpr base::ReasonRow server_maint{"server-maint", "{s} is in maintenance"};
inline constexpr base::ReasonRow server_weight{"server-weight", "{s} has weight 0"};
inline constexpr base::ReasonRow server_full{"server-full", "{s} has all of its {b} places taken"};
inline constexpr base::ReasonRow server_busier{"server-busier", "{s} has {a} running, weight {b}"};
inline constexpr base::ReasonRow server_later{"server-later", "{s} comes later (credit {a} of {b})"};
inline constexpr base::ReasonRow must_wait{"must-wait", "every server is full: the request waits in the queue"};
inline constexpr base::ReasonRow none_available{"no-server", "no server of backend {s} is available", 503, "destination_unavailable"};

// --- repeating ---
inline constexpr base::ReasonRow retry_connect{"retry-connect", "nothing was sent to {s}: the request goes back to the queue"};
inline constexpr base::ReasonRow retry_empty{"retry-empty", "{s} closed without an answer: asked again ({a} of {b})"};
inline constexpr base::ReasonRow retry_count{"retry-count", "{a} repetitions were made, {b} are allowed"};
inline constexpr base::ReasonRow retry_begun{"retry-begun", "the answer of {s} had begun"};
inline constexpr base::ReasonRow retry_method{"retry-method", "only GET, HEAD and OPTIONS without a body are repeated"};
inline constexpr base::ReasonRow retry_kind{"retry-kind", "a failure of this kind is not repeated ({s})"};
inline constexpr base::ReasonRow retry_off{"retry-off", "retries.on does not list {s}"};

// --- health ---
inline constexpr base::ReasonRow first_check{"first-check", "the first check of {s} passed: it is up"};
inline constexpr base::ReasonRow risen{"risen", "{a} of {b} checks passed: {s} is up"};
inline constexpr base::ReasonRow rising{"rising", "{a} of {b} checks passed: {s} is still down"};
inline constexpr base::ReasonRow steady{"steady", "the check of {s} passed: it stays up"};
inline constexpr base::ReasonRow failing{"failing", "{a} of {b} checks failed: {s} is still up"};
inline constexpr base::ReasonRow fallen{"fallen", "{a} of {b} checks failed: {s} is down"};
inline constexpr base::ReasonRow still_down{"still-down", "the check of {s} failed: it stays down"};
inline constexpr base::ReasonRow check_impossible{"check-impossible", "no descriptor, port or memory to check {s} with: it counts neither way"};
inline constexpr base::ReasonRow check_undecided{"check-undecided", "the check of {s} timed out while all {a} places were taken: it counts neither way"};
inline constexpr base::ReasonRow observed{"observed", "{a} of {b} failed connections to {s}"};
inline constexpr base::ReasonRow observed_fast{"observed-fast", "{a} failed connections to {s}: checks hurry"};

// --- sticky cookie ---
inline constexpr base::ReasonRow insert{"cookie-insert", "the cookie {s} is set"};
inline constexpr base::ReasonRow insert_has{"cookie-has", "the visitor's cookie {s} names this server already"};
inline constexpr base::ReasonRow insert_only_if{"cookie-only-if", "only_if does not match"};
inline constexpr base::ReasonRow insert_cacheable{"cookie-cacheable", "a shared cache may store the answer"};
inline constexpr base::ReasonRow insert_off{"cookie-off", "the backend has no cookie"};

// --- errors and ends ---
inline constexpr base::ReasonRow loop{"loop", "the request has passed through {s} already", 508, "proxy_loop_detected"};
inline constexpr base::ReasonRow health_up{"health", "health page: a server is up", 200};
inline constexpr base::ReasonRow health_down{"health-down", "health page: no server is up", 503};
inline constexpr base::ReasonRow health_unknown{"health-unknown", "health page: there is no backend {s}", 404};
inline constexpr base::ReasonRow done{"done", "answered", 200};
inline constexpr base::ReasonRow client_left{"client-left", "the client left before the answer had begun", 499};
inline constexpr base::ReasonRow client_cut{"client-cut", "the client left while the answer was sent"};
inline constexpr base::ReasonRow left_queue{"left-queue", "the client left while the request waited in the queue", 499};
inline constexpr base::ReasonRow answer_cut{"answer-cut", "the server broke its answer off"};
inline constexpr base::ReasonRow tunnel_ended{"tunnel-ended", "the tunnel ended"};
inline constexpr base::ReasonRow stopped{"stopped", "the daemon stopped"};

}  // namespace balancer::reason
