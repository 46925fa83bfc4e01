// SPDX-License-Identifier: BSD-2-Clause
// Finding a file below a root so that nothing leads out of it: openat2 with RESOLVE_BENEATH, no magic links, regular files only,
// no names that begin with a dot. Blocks, unless told not to. Any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/file_place.h"
#include "net/buffer.h"

namespace http {

// What was found; immutable, shared by the answers that use it.
struct FileEntry {
  enum class Kind : std::uint8_t {
    file,
    directory,   // without an index file
    missing,     // also what may not be shown: outside the root, hidden, no regular file
    denied,      // EACCES
    failed,      // `error`
  };
  Kind kind = Kind::missing;
  int error = 0;
  bool in_directory = false;              // the path named a directory; this is its index
  std::shared_ptr<net::SharedFile> file;  // of larger files
  std::string content;                    // of files up to small_file bytes
  std::uint64_t size = 0;
  std::int64_t modified = 0;              // seconds since 1970
  std::string last_modified;              // the same as an HTTP date
  std::string etag;                       // with its quotes
  std::string content_type;
  // Precompressed neighbours: coding and entry, in the order asked for.
  std::vector<std::pair<std::string, std::shared_ptr<const FileEntry>>> encoded;
};

inline constexpr std::size_t small_file = 16 * 1024;

// `path`: decoded, below the root, without a first slash; empty: the root itself. With `nowait` nullopt if the answer is not in the
// kernel's caches.
std::optional<FileEntry> look_up_file(const FilePlace& place, const std::string& path, bool nowait);

// By the name's ending; "application/octet-stream" if unknown. Text types say charset=utf-8.
std::string_view mime_type(std::string_view name);
// A segment begins with a dot and is not ".well-known" (RFC 8615).
bool hidden_path(std::string_view path);

}  // namespace http
