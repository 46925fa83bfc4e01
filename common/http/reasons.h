// SPDX-License-Identifier: BSD-2-Clause
// Why the HTTP layer refuses, fails or ends: one row each with the status a client gets and the error type of RFC 9209.
// A row's text completes "…: "; {a}, {b}: numbers, usually a limit; {s}: the field, limit or inner reason concerned.
#pragma once

#include "base/result.h"

// identifier, code, status, Proxy-Status type, text
#define HTTP_REASONS(X)                                                                                                       \
  /* request line */                                                                                                          \
  X(request_line, "request-line", 400, "http_request_error", "the request line is malformed")                                 \
  X(method_name, "method-name", 400, "http_request_error", "the method is no token or too long")                              \
  X(method_not_allowed, "method-not-allowed", 405, "http_request_denied", "the method is not served here")                    \
  X(version_major, "version-major", 505, "http_request_error", "only HTTP/1 is spoken here in this form")                     \
  X(target_byte, "target-byte", 400, "http_request_error", "the request target has a byte that must be encoded")              \
  X(target_form, "target-form", 400, "http_request_error", "the request target has no form that this method may use")         \
  X(target_encoding, "target-encoding", 400, "http_request_error", "the path has an invalid percent-encoding")                \
  X(target_nul, "target-nul", 400, "http_request_error", "the path has an encoded NUL")                                       \
  X(target_above_root, "target-above-root", 400, "http_request_error", "the path leads above the root")                       \
  X(target_hidden_dots, "target-hidden-dots", 400, "http_request_error", "the path has a '..' that appears only when decoded") \
  X(target_too_long, "target-too-long", 414, "http_request_error", "the request target is longer than {a} bytes")             \
  /* fields */                                                                                                                \
  X(bare_lf, "bare-lf", 400, "http_request_error", "a line ends with LF alone")                                               \
  X(bare_cr, "bare-cr", 400, "http_request_error", "a CR is not followed by LF")                                              \
  X(obs_fold, "obs-fold", 400, "http_request_error", "a line begins with white space")                                        \
  X(space_before_colon, "space-before-colon", 400, "http_request_error", "white space before the colon of a field")           \
  X(bad_field_name, "bad-field-name", 400, "http_request_error", "a field name is empty or no token")                         \
  X(bad_field_line, "bad-field-line", 400, "http_request_error", "a field line has no colon")                                 \
  X(bad_field_value, "bad-field-value", 400, "http_request_error", "a control character in the value of {s}")                 \
  X(field_name_too_long, "field-name-too-long", 431, "http_request_error", "a field name is longer than {a} bytes")           \
  X(head_too_large, "head-too-large", 431, "http_request_error", "the head is larger than {a} bytes")                         \
  X(too_many_fields, "too-many-fields", 431, "http_request_error", "the head has more than {a} fields")                       \
  X(host_missing, "host-missing", 400, "http_request_error", "HTTP/1.1 needs a Host field")                                   \
  X(host_repeated, "host-repeated", 400, "http_request_error", "Host is there more than once")                                \
  X(host_invalid, "host-invalid", 400, "http_request_error", "Host is no valid host and port")                                \
  X(host_mismatch, "host-mismatch", 400, "http_request_error", "the authority of the target disagrees with Host")             \
  X(connection_invalid, "connection-invalid", 400, "http_request_error", "Connection is no list of tokens")                   \
  X(connection_forbidden, "connection-names-forbidden", 400, "http_request_error", "Connection names {s}, which it must not") \
  X(expectation_unknown, "expectation-unknown", 417, "http_request_error", "only the expectation 100-continue is known")      \
  /* framing */                                                                                                               \
  X(content_length_invalid, "content-length-invalid", 400, "http_request_error", "Content-Length is malformed")               \
  X(content_length_repeated, "content-length-repeated", 400, "http_request_error", "Content-Length is there more than once")  \
  X(content_length_and_transfer_encoding, "content-length-and-transfer-encoding", 400, "http_request_error",                  \
    "Content-Length and Transfer-Encoding together")                                                                          \
  X(transfer_encoding_http_1_0, "transfer-encoding-http-1.0", 400, "http_request_error", "Transfer-Encoding in HTTP/1.0")     \
  X(transfer_encoding_invalid, "transfer-encoding-invalid", 400, "http_request_error", "Transfer-Encoding is malformed")      \
  X(chunked_not_last, "chunked-not-last", 400, "http_request_error", "the last transfer coding is not chunked")               \
  X(chunked_repeated, "chunked-repeated", 400, "http_request_error", "chunked is applied more than once")                     \
  X(transfer_coding_unknown, "transfer-coding-unknown", 501, "http_request_error", "a transfer coding before chunked")        \
  X(chunk_size, "chunk-size", 400, "http_request_error", "a chunk size is malformed")                                         \
  X(chunk_size_overflow, "chunk-size-overflow", 400, "http_request_error", "a chunk size is too large")                       \
  X(chunk_extension, "chunk-extension", 400, "http_request_error", "a chunk extension is malformed")                          \
  X(chunk_line_too_long, "chunk-line-too-long", 400, "http_request_error", "a chunk's size line is longer than {a} bytes")    \
  X(chunk_extensions_too_large, "chunk-extensions-too-large", 400, "http_request_error",                                      \
    "the chunk extensions of a body are larger than {a} bytes")                                                               \
  X(chunk_end, "chunk-end", 400, "http_request_error", "a chunk does not end with CRLF")                                      \
  X(trailers_too_large, "trailers-too-large", 431, "http_request_error", "the trailers are larger than {a} bytes")            \
  X(body_cut_short, "body-cut-short", 400, "http_request_error", "the connection ended before the body did")                  \
  X(body_too_large, "body-too-large", 413, "http_request_error", "the body is larger than {a} bytes")                         \
  X(http2_length_mismatch, "length-mismatch", 400, "http_request_error", "the body is not as long as declared")               \
  /* the client's pace and end */                                                                                             \
  X(header_timeout, "header-timeout", 408, "http_request_error", "no complete head within {a} ms (limits.header_timeout)")    \
  X(body_timeout, "body-timeout", 408, "http_request_error", "no part of the body within {a} ms (limits.body_timeout)")       \
  X(idle_timeout, "idle-timeout", 0, nullptr, "idle for {a} ms (limits.idle_timeout)")                                        \
  X(write_timeout, "write-timeout", 0, nullptr, "the client took nothing for {a} ms (limits.write_timeout)")                  \
  X(client_gone, "client-gone", 499, nullptr, "the client left")                                                              \
  X(client_closed_idle, "client-closed", 0, nullptr, "the client closed the idle connection")                                 \
  X(client_cut_short, "client-cut-short", 0, nullptr, "the client closed within a head")                                      \
  X(shutting_down, "shutting-down", 503, "proxy_internal_response", "the daemon is stopping")                                 \
  X(buffers_exhausted, "buffers-exhausted", 503, "proxy_internal_error", "the process's memory for bodies is used up (limits.buffers)") \
  X(served, "served", 0, nullptr, "the answer was sent")                                                                      \
  /* upstream */                                                                                                              \
  X(upstream_head, "upstream-head", 502, "http_protocol_error", "the upstream's head is refused ({s})")                       \
  X(upstream_head_too_large, "upstream-head-too-large", 502, "http_response_header_section_size",                             \
    "the upstream's head is too large ({s})")                                                                                 \
  X(upstream_transfer_coding, "upstream-transfer-coding", 502, "http_response_transfer_coding",                               \
    "the upstream's Transfer-Encoding is not exactly chunked")                                                                \
  X(upstream_body, "upstream-body", 502, "http_response_incomplete", "the upstream's body is malformed ({s})")                \
  X(upstream_trailers_too_large, "upstream-trailers-too-large", 502, "http_response_trailer_section_size",                    \
    "the upstream's trailers are too large")                                                                                  \
  X(upstream_cut_short, "upstream-cut-short", 502, "http_response_incomplete", "the upstream ended its answer early")         \
  X(upstream_status_line, "upstream-status-line", 502, "http_protocol_error", "the upstream's status line is malformed")      \
  X(upstream_switching, "upstream-switching", 502, "http_upgrade_failed", "an answer 101 that nobody asked for")              \
  X(upstream_interim_flood, "upstream-interim-flood", 502, "http_protocol_error", "more than {a} interim answers")            \
  X(upstream_surplus, "upstream-surplus", 0, nullptr, "bytes beyond the upstream's answer")                                   \
  X(upstream_refused, "upstream-refused", 502, "connection_refused", "the upstream refused the connection")                   \
  X(upstream_unreachable, "upstream-unreachable", 502, "destination_unavailable", "the upstream cannot be reached (errno {a})") \
  X(upstream_connect_timeout, "upstream-connect-timeout", 504, "connection_timeout", "no connection within {a} ms")           \
  X(upstream_first_byte_timeout, "upstream-first-byte-timeout", 504, "http_response_timeout", "no answer within {a} ms")      \
  X(upstream_between_bytes_timeout, "upstream-between-bytes-timeout", 502, "connection_read_timeout",                         \
    "nothing more of the answer within {a} ms")                                                                               \
  X(upstream_write_timeout, "upstream-write-timeout", 504, "connection_write_timeout", "the upstream took nothing for {a} ms") \
  X(upstream_closed, "upstream-closed", 502, "connection_terminated", "the upstream closed before it answered")               \
  X(upstream_reset, "upstream-reset", 502, "connection_terminated", "the upstream reset the connection (errno {a})")          \
  X(upstream_limit, "upstream-limit", 503, "connection_limit_reached", "no connection to the upstream is free")               \
  /* the tiers */                                                                                                             \
  X(via_loop, "via-loop", 508, "proxy_loop_detected", "the request passed here already ({s})")                                \
  X(unknown_length_1_0, "unknown-length-1.0", 502, "http_response_body_size",                                                 \
    "an answer of unknown length is larger than the {a} bytes that can be collected for an HTTP/1.0 client")

namespace http::reason {

#define HTTP_REASON(identifier, code, status, proxy_status, text) \
  inline constexpr base::ReasonRow identifier{code, text, status, proxy_status};
HTTP_REASONS(HTTP_REASON)
#undef HTTP_REASON

// All rows, for counters and the reference.
inline constexpr const base::ReasonRow* all[] = {
#define HTTP_REASON(identifier, code, status, proxy_status, text) &identifier,
    HTTP_REASONS(HTTP_REASON)
#undef HTTP_REASON
};

}  // namespace http::reason
