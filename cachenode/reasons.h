// SPDX-License-Identifier: BSD-2-Clause
// Why cachenode decides as it does: one row gives the code (logs, metrics, Cache-Status detail) and the sentence that
// `cachenode explain` prints. Facts; any thread.
#pragma once

#include "base/reason.h"

namespace cachenode::reasons {

using Row = base::ReasonRow;

// --- who asks (identity.h) ---
inline constexpr Row id_cookie{"authenticated:cookie", "cookie {s} means a log-in"};
inline constexpr Row id_unknown_cookie{"authenticated:unknown-cookie", "cookie {s} is not known to be harmless"};
inline constexpr Row id_field{"authenticated:field", "field {s} carries a user's identity"};
inline constexpr Row id_cookie_bytes{"cookie-bytes", "cookie {s} has bytes that no cookie may have"};
inline constexpr Row id_cookie_form{"cookie-form", "a piece of Cookie has no '='"};
inline constexpr Row id_anonymous{"anonymous", "nothing on the request names a user"};
inline constexpr Row id_ignored{"cookie-ignored", "cookie {s} is ignored"};
inline constexpr Row id_kept{"cookie-kept", "cookie {s} is kept: part of the key, sent to the origin"};
inline constexpr Row id_dropped{"cookie-dropped", "cookie {s} is dropped"};
inline constexpr Row id_shared{"shared", "the rule shares its objects: credentials are removed"};

// --- what to do with a request (request_plan.h) ---
inline constexpr Row plan_loop{"loop", "the request passed {s} before", 508, "proxy_loop_detected"};
inline constexpr Row plan_purge{"purge", "the request is an invalidation"};
inline constexpr Row plan_method{"method", "method {s} is passed"};
inline constexpr Row plan_upgrade{"upgrade", "an upgrade is passed"};
inline constexpr Row plan_body{"request-body", "a GET or HEAD with a body is passed"};
inline constexpr Row plan_rule_pass{"rule", "rule {s} passes"};
inline constexpr Row plan_look_up{"look-up", "the request is looked up"};
inline constexpr Row plan_host{"host", "the request's host has no key form", 400, "http_request_error"};

// --- rules (rules.h) ---
inline constexpr Row rule_matched{"rule-matched", "rule {a} {s} matches"};
inline constexpr Row rule_unless{"rule-unless", "rule {a} {s}: its exception matches"};
inline constexpr Row rule_no_match{"rule-no-match", "rule {a} {s} does not match"};
inline constexpr Row rule_taken{"rule-taken", "rule {a} {s} matches, but an earlier one has decided"};
inline constexpr Row rule_none{"rule-none", "no rule matches"};

// --- key (cache_key.h, purge_identity.h) ---
inline constexpr Row key_class{"accept-class", "class of Accept: {s}"};
inline constexpr Row key_forwarded_host{"forwarded-host", "X-Forwarded-Host {s} differs from Host and is in the key"};
inline constexpr Row key_scheme{"scheme", "scheme {s}"};

// --- storing (storable.h) ---
inline constexpr Row keep_status{"status", "status {a} is not stored"};
inline constexpr Row keep_partial{"partial", "206 is never stored"};
inline constexpr Row keep_private{"private", "the answer is private"};
inline constexpr Row keep_no_store{"no-store", "the answer says no-store"};
inline constexpr Row keep_no_cache{"no-cache", "the answer says no-cache"};
inline constexpr Row keep_set_cookie{"set-cookie", "the answer sets a cookie"};
inline constexpr Row keep_vary_all{"vary-star", "Vary: *"};
inline constexpr Row keep_vary_identity{"vary-cookie", "Vary names {s}, which the look-up request does not carry as it came"};
inline constexpr Row keep_authorization{"authorization", "the answer to a request with credentials is not shared"};
inline constexpr Row keep_sendfile{"sendfile", "{s}: the body is elsewhere"};
inline constexpr Row keep_no_lifetime{"no-lifetime", "the answer has no lifetime and no rule gives one"};
inline constexpr Row keep_zero_lifetime{"zero-lifetime", "the answer is not fresh and nothing allows to use it stale"};
inline constexpr Row keep_error_status{"error-status", "status {a} without max-age or s-maxage"};
inline constexpr Row keep_too_large{"too-large", "the answer's {a} bytes are more than max_object ({b})"};
inline constexpr Row keep_no_memory{"no-memory", "no memory could be reserved"};
inline constexpr Row keep_credentials_asked{"credentials-asked", "status {a} to a request without its credentials is asked again with them"};
inline constexpr Row keep_invalidated{"invalidated", "invalidated while it was fetched"};
inline constexpr Row keep_settling{"settling", "fetched while an invalidation settles: kept for {a} ms"};
inline constexpr Row keep_settled{"settle-over", "began while an invalidation settled and ended later: not kept"};
inline constexpr Row keep_head_request{"head-request", "the answer to HEAD is not stored"};
inline constexpr Row keep_stored{"stored", "stored for {a} s"};
inline constexpr Row keep_ignored{"ignored", "{s} of the answer is ignored by the rule"};

// where a lifetime comes from
inline constexpr Row life_field{"lifetime-field", "{s} says {a} s"};
inline constexpr Row life_expires{"lifetime-expires", "Expires is {a} s after Date"};
inline constexpr Row life_rule_override{"lifetime-override", "rule {s} overrides the lifetime: {a} s"};
inline constexpr Row life_rule{"lifetime-rule", "rule {s} gives {a} s"};
inline constexpr Row life_default{"lifetime-default", "the default ttl of {a} s"};
inline constexpr Row life_dateless{"lifetime-dateless", "Expires without Date is believed for {a} s at most"};
inline constexpr Row life_capped{"lifetime-capped", "an error is kept at most {a} s"};

// --- using what is stored (use_stored.h) ---
inline constexpr Row use_fresh{"fresh", "fresh for {a} s more"};
inline constexpr Row use_grace{"grace", "stale for {a} s, within grace of {b} s"};
inline constexpr Row use_stale_if_error{"stale-if-error", "stale for {a} s, the origin is sick: usable for {b} s"};
inline constexpr Row use_stale_override{"stale-override", "stale for {a} s, the origin is sick and a rule lifts what forbids it: usable for {b} s"};
inline constexpr Row use_must_revalidate{"must-revalidate", "stale for {a} s and {s} forbids to use it"};
inline constexpr Row use_stale{"stale", "stale for {a} s"};
inline constexpr Row use_gone{"kept-until", "an invalidation was settling when it was fetched: no longer kept"};
inline constexpr Row use_too_stale{"too-stale", "stale for {a} s, more than the {b} s allowed"};

// --- why something was not answered from the store: Cache-Status ---
inline constexpr Row miss_uri{"uri-miss", "nothing is stored under this key"};
inline constexpr Row miss_vary{"vary-miss", "what is stored was selected by other request fields ({s})"};
inline constexpr Row miss_stale{"stale", "what is stored must be validated"};
inline constexpr Row miss_marker{"hit-for-miss", "recent answers could not be stored ({s})"};
inline constexpr Row miss_range{"range", "the range begins beyond what is worth waiting for"};
inline constexpr Row miss_memory{"no-memory", "no memory could be reserved for the look-up"};
inline constexpr Row miss_uncacheable{"uncacheable", "the answer waited for could not be shared ({s})"};
inline constexpr Row hit_fresh{"hit", "answered from the store"};
inline constexpr Row hit_collapsed{"collapsed", "answered by a fetch that was already running"};

// --- purging (purge_allowed.h) ---
inline constexpr Row purge_ok{"purge-allowed", "the peer may invalidate"};
inline constexpr Row purge_method{"purge-method", "method {s} is not enabled", 405, "http_request_denied"};
inline constexpr Row purge_peer{"purge-peer", "the connection's peer may not invalidate", 405, "http_request_denied"};
inline constexpr Row purge_proxied{"purge-proxied", "the request came through another proxy ({s})", 405, "http_request_denied"};

// --- answers of our own ---
inline constexpr Row only_if_cached{"only-if-cached", "only-if-cached, and nothing usable is stored", 504, "http_request_denied"};
inline constexpr Row queue_timeout{"queue-timeout", "waited {a} ms in the queue of {s}", 503, "connection_limit_reached"};
inline constexpr Row origin_unasked_304{"unasked-304", "the origin answered 304 without being asked to validate", 502, "http_protocol_error"};
inline constexpr Row fetch_gone{"fetch-gone", "the fetch ended without an answer", 502, "proxy_internal_error"};
inline constexpr Row cut_slow{"slow-reader", "the client was too slow for the others that wait"};
inline constexpr Row body_broken{"answer-cut-short", "the answer ended before its end", 502, "http_response_incomplete"};
inline constexpr Row shut_down{"shutting-down", "the daemon is stopping", 503, "proxy_internal_response"};

}  // namespace cachenode::reasons
