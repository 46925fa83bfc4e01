// SPDX-License-Identifier: BSD-2-Clause
// Why a message is refused: one row each with the status a client gets and the error type of RFC 9209.
// (Time-outs, connections and ends: engine_reasons.h.) A row's text completes "…: "; {a}, {b}: numbers, usually a limit; {s}: the field, limit or inner reason concerned.
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
  /* the tiers */                                                                                                             \
  X(via_loop, "via-loop", 508, "proxy_loop_detected", "the request passed here already ({s})")

namespace http::reasons {

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

}  // namespace http::reasons
