// SPDX-License-Identifier: BSD-2-Clause
// A request's head out of HTTP/2's fields, as strict as over HTTP/1.1: limits, pseudo-fields, host, target, cookie crumbs (RFC 9113
// 8.3, 8.2.3). nghttp2 has already refused wrong names, forbidden fields and disagreeing lengths. Worker thread.
#pragma once

#include "base/result.h"
#include "http/http1_parser.h"
#include "http2/stream.h"

namespace http2 {

// Collects one field; a limit that is passed is remembered and answered when the head is complete.
void add_field(Stream& stream, std::string_view name, std::string_view value, const http::HeadLimits& limits);
void add_trailer(Stream& stream, std::string_view name, std::string_view value);

// Makes the head a request as exchanges know it: Host first, one Cookie, normalised target. Error: what to answer.
base::Result<void> complete_head(Stream& stream, const http::HeadLimits& limits);

}  // namespace http2
