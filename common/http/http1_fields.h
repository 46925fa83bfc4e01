// SPDX-License-Identifier: BSD-2-Clause
// What requests, responses and trailers have in common: field lines (RFC 9112 5), Content-Length and Transfer-Encoding (6).
// All errors are of the client's side; upstream_error() turns them around. Pure; worker thread.
#pragma once

#include <vector>

#include "base/result.h"
#include "http/head.h"
#include "http/http1_parser.h"

namespace http {

// Field lines of `text` from `at` to the empty line. Returns the position after the empty line, 0 if `text` ends before it.
// Offsets are counted from the beginning of `text`.
base::Result<std::size_t> parse_fields(std::string_view text, std::size_t at, const HeadLimits& limits, Head::Fields& out);

// Has a line ended in input[from..]? `from` moves behind what was looked at. A head that arrives in parts is parsed anew with
// each line that ends: mistakes are found at once, and the number of fields bounds the work.
bool line_ended(std::string_view input, std::size_t& from);

// Digits only, below 2^63.
std::optional<std::uint64_t> parse_content_length(std::string_view value);

// One element of Transfer-Encoding's list after the other. Exactly "chunked" is fine.
base::Result<void> check_transfer_encoding(const Head& head);

// The same failure seen from the other side: a bad head of an upstream is a 502.
base::Error upstream_error(const base::Error& error);

// Calls f(element) for the elements of one field line's comma-separated list, trimmed; no quoting (tokens only).
template <class F>
void for_each_element(std::string_view value, F&& f) {
  for (;;) {
    const auto at = value.find(',');
    auto element = value.substr(0, at);
    while (!element.empty() && (element.front() == ' ' || element.front() == '\t')) element.remove_prefix(1);
    while (!element.empty() && (element.back() == ' ' || element.back() == '\t')) element.remove_suffix(1);
    f(element);
    if (at == std::string_view::npos) return;
    value.remove_prefix(at + 1);
  }
}

bool is_token(std::string_view text);

}  // namespace http
