// SPDX-License-Identifier: BSD-2-Clause
// The answer that a file gives to a request: conditionals, ranges, codings, HEAD (RFC 9110 13, 14, 12.5.3). Does no I/O. Worker thread.
#pragma once

#include <optional>

#include "http/file_lookup.h"
#include "http/head.h"

namespace http {

struct FileAnswer {
  ResponseHead head;
  std::optional<std::uint64_t> length;  // of the body (of what a GET would have had)
  net::Buffer body;                     // empty for HEAD, 304 …
};

// A directory without its final slash is redirected to it. Everything else that is not a file gives the status of
// an error in `head` and nothing more: the caller makes its page. `varies`: neighbours are looked for, so the answer names Vary.
FileAnswer answer_file(const std::shared_ptr<const FileEntry>& entry, const RequestHead& request, std::string_view cache_control, bool varies);

}  // namespace http
