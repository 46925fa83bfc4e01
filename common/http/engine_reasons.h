// SPDX-License-Identifier: BSD-2-Clause
// Reasons of the engine itself: time-outs and ends of client connections, failures of upstream connections.
// One row gives name, text, status for the client and the RFC 9209 error type. (Refusals of the parsers: reasons.h.)
#pragma once

#include "base/reason.h"

namespace http::reasons {

// --- the client's side ---
inline constexpr base::ReasonRow client_header_timeout{"header-timeout", "the request head was not complete after {a} ms (limits.header_timeout)", 408, "http_request_error"};
inline constexpr base::ReasonRow client_body_timeout{"body-timeout", "no byte of the request body for {a} ms (limits.body_timeout)", 408, "http_request_error"};
inline constexpr base::ReasonRow client_idle_timeout{"idle-timeout", "no request for {a} ms (limits.idle_timeout)"};
inline constexpr base::ReasonRow client_write_timeout{"write-timeout", "the client took no byte for {a} ms (limits.write_timeout)", 0, "connection_write_timeout"};
inline constexpr base::ReasonRow client_slow_body{"slow-body", "only {a} bytes of the request body in {b} ms (limits.min_body_rate)", 408, "http_request_error"};
inline constexpr base::ReasonRow client_slow_reader{"slow-reader", "the client took only {a} bytes of the answer in {b} ms (limits.min_write_rate)", 0, "connection_write_timeout"};
inline constexpr base::ReasonRow client_shed{"reader-given-up", "memory is short (buffers), and the client had taken nothing of its answer for {a} ms", 0, "connection_write_timeout"};
inline constexpr base::ReasonRow client_tunnel_timeout{"tunnel-timeout", "no byte in the tunnel for {a} ms (timeout.tunnel)"};
inline constexpr base::ReasonRow client_handshake_timeout{"handshake-timeout", "the handshake was not complete after {a} ms (limits.handshake_timeout)"};
inline constexpr base::ReasonRow client_handshake_failed{"handshake-failed", "the TLS handshake failed: {s}"};
inline constexpr base::ReasonRow client_protocol_unavailable{"protocol-unavailable", "the client speaks HTTP/2, the listener does not", 505};
inline constexpr base::ReasonRow client_left{"client-left", "the client closed or reset its connection", 499};
inline constexpr base::ReasonRow client_body_cut_short{"client-body-cut-short", "the client closed before the end of its request body", 400, "http_request_error"};
inline constexpr base::ReasonRow client_body_too_large{"body-too-large", "the request body is larger than {a} bytes (limits.body_size)", 413, "http_request_error"};
inline constexpr base::ReasonRow client_answer_uncollectable{"http10-unknown-length", "an answer of unknown length over {a} bytes cannot be sent safely to an HTTP/1.0 client on a Unix socket", 502, "http_response_incomplete"};

inline constexpr base::ReasonRow options_answered{"options", "OPTIONS was answered here", 200};

// --- the upstream's side ---
inline constexpr base::ReasonRow upstream_connect_refused{"connect-refused", "the server refused the connection", 502, "connection_refused"};
inline constexpr base::ReasonRow upstream_connect_failed{"connect-failed", "connecting to the server failed", 502, "destination_unavailable"};
inline constexpr base::ReasonRow upstream_connect_resources{"connect-resources", "no descriptor, port or memory for a connection to the server", 503, "proxy_internal_error"};
inline constexpr base::ReasonRow upstream_connect_timeout{"connect-timeout", "no connection to the server after {a} ms (timeout.connect)", 504, "connection_timeout"};
inline constexpr base::ReasonRow upstream_keepalive_closed{"keepalive-closed", "the server had closed the kept-alive connection", 502, "connection_terminated"};
inline constexpr base::ReasonRow upstream_empty_response{"empty-response", "the server closed without answering", 502, "connection_terminated"};
inline constexpr base::ReasonRow upstream_head_cut_short{"answer-head-cut-short", "the server closed inside the head of its answer", 502, "http_response_incomplete"};
inline constexpr base::ReasonRow upstream_body_cut_short{"answer-cut-short", "the server closed before the end of its answer", 502, "http_response_incomplete"};
inline constexpr base::ReasonRow upstream_first_byte_timeout{"first-byte-timeout", "no answer for {a} ms (timeout.first_byte)", 504, "http_response_timeout"};
inline constexpr base::ReasonRow upstream_between_bytes_timeout{"between-bytes-timeout", "no byte of the answer for {a} ms (timeout.between_bytes)", 504, "http_response_timeout"};
inline constexpr base::ReasonRow upstream_write_timeout{"upstream-write-timeout", "the server took no byte of the request for {a} ms", 504, "connection_write_timeout"};
inline constexpr base::ReasonRow upstream_write_failed{"upstream-write-failed", "the request could not be sent to the server", 503, "proxy_internal_error"};
inline constexpr base::ReasonRow upstream_interim_flood{"interim-flood", "more than {a} interim answers", 502, "http_protocol_error"};
inline constexpr base::ReasonRow upstream_unasked_upgrade{"unasked-101", "the server switched protocols without being asked", 502, "http_upgrade_failed"};
inline constexpr base::ReasonRow upstream_tunnel_timeout{"upstream-tunnel-timeout", "no byte in the tunnel for {a} ms (timeout.tunnel)"};
inline constexpr base::ReasonRow upstream_drain_timeout{"drain-timeout", "a request whose client had left was not answered within {a} ms"};

// --- ends of an exchange ---
inline constexpr base::ReasonRow finished{"finished", "answered completely"};

}  // namespace http::reasons
