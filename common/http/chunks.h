// SPDX-License-Identifier: BSD-2-Clause
// The size line of a chunk (RFC 9112 7.1). Pure; any thread.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace http {

struct ChunkLine {
  std::uint64_t size = 0;
  std::size_t extensions = 0;  // bytes after the size
};

// `line` is without its CRLF. White space is permitted only around ';' and '=' of extensions (BWS), never before the end.
base::Result<ChunkLine> parse_chunk_line(std::string_view line);

}  // namespace http
