// SPDX-License-Identifier: BSD-2-Clause
#include "http/file_lookup.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "base/bytes.h"
#include "http/dates.h"

namespace http {

namespace {

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_;
};

// -1 with errno; EAGAIN: not in the kernel's caches.
int open_at(int directory, const char* path, std::uint64_t flags, bool beneath, bool nowait) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_NO_MAGICLINKS;
  if (beneath) how.resolve |= RESOLVE_BENEATH;
  if (nowait) how.resolve |= RESOLVE_CACHED;
  for (int tries = 0;; ++tries) {
    const long fd = ::syscall(SYS_openat2, directory, path, &how, sizeof how);
    // BENEATH gives EAGAIN when something was renamed meanwhile.
    if (fd < 0 && errno == EAGAIN && !nowait && tries < 8) continue;
    return static_cast<int>(fd);
  }
}

FileEntry not_found(int error) {
  FileEntry out;
  switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case EXDEV:
    case ENAMETOOLONG:
    case ENXIO:
    case ENODEV: out.kind = FileEntry::Kind::missing; break;
    case EACCES:
    case EPERM: out.kind = FileEntry::Kind::denied; break;
    default: out.kind = FileEntry::Kind::failed; break;
  }
  out.error = error;
  return out;
}

// False: the bytes are not in the page cache (only with nowait) or cannot be read (errno).
bool read_whole(int fd, std::size_t size, std::string& into, bool nowait) {
  into.resize(size);
  std::size_t at = 0;
  while (at < size) {
    iovec vector{into.data() + at, size - at};
    const ssize_t n = ::preadv2(fd, &vector, 1, static_cast<off_t>(at), nowait ? RWF_NOWAIT : 0);
    if (n < 0 && errno == EINTR) continue;
    // Not every file system knows RWF_NOWAIT.
    if (n < 0 && (errno == EOPNOTSUPP || errno == EAGAIN) && nowait) {
      errno = EAGAIN;
      return false;
    }
    if (n < 0) return false;
    if (n == 0) {
      into.resize(at);  // it became shorter: what is there is what it is
      return true;
    }
    at += static_cast<std::size_t>(n);
  }
  return true;
}

std::optional<FileEntry> describe(Fd& fd, const struct stat& status, std::string_view name, bool nowait) {
  FileEntry out;
  out.kind = FileEntry::Kind::file;
  out.size = static_cast<std::uint64_t>(status.st_size);
  out.modified = status.st_mtim.tv_sec;
  out.last_modified = format_date(out.modified);
  if (out.size <= small_file) {
    if (!read_whole(fd.get(), out.size, out.content, nowait)) {
      if (nowait && errno == EAGAIN) return std::nullopt;
      return not_found(errno);
    }
    out.size = out.content.size();
  } else {
    out.file = std::make_shared<net::SharedFile>(fd.release());
  }
  std::array<char, 64> tag{};
  const auto nanoseconds = static_cast<std::uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(status.st_mtim.tv_nsec);
  std::snprintf(tag.data(), tag.size(), "\"%llx-%llx\"", static_cast<unsigned long long>(nanoseconds), static_cast<unsigned long long>(out.size));
  out.etag = tag.data();
  out.content_type = mime_type(name);
  return out;
}

// One name below `root`; a directory is reported as such.
std::optional<FileEntry> open_one(int root, const std::string& path, bool nowait) {
  Fd fd(open_at(root, path.empty() ? "." : path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY, true, nowait));
  if (fd.get() < 0) {
    if (nowait && errno == EAGAIN) return std::nullopt;
    return not_found(errno);
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return not_found(errno);
  if (S_ISDIR(status.st_mode)) {
    FileEntry out;
    out.kind = FileEntry::Kind::directory;
    return out;
  }
  if (!S_ISREG(status.st_mode)) return FileEntry{};
  return describe(fd, status, path, nowait);
}

std::string_view ending_of(std::string_view coding) {
  if (coding == "br") return ".br";
  if (coding == "zstd") return ".zst";
  if (coding == "gzip") return ".gz";
  return {};
}

}  // namespace

std::optional<FileEntry> look_up_file(const FilePlace& place, const std::string& wanted, bool nowait) {
  if (hidden_path(wanted) || wanted.find('\0') != std::string::npos) return FileEntry{};
  Fd root(open_at(AT_FDCWD, place.root.c_str(), O_PATH | O_DIRECTORY, false, nowait));
  if (root.get() < 0) {
    if (nowait && errno == EAGAIN) return std::nullopt;
    return not_found(errno);
  }
  std::string path = wanted;
  auto found = open_one(root.get(), path, nowait);
  if (!found) return std::nullopt;
  if (found->kind == FileEntry::Kind::directory) {
    for (const std::string& name : place.index) {
      std::string in = path.empty() ? name : path + "/" + name;
      auto index = open_one(root.get(), in, nowait);
      if (!index) return std::nullopt;
      if (index->kind == FileEntry::Kind::failed) return index;  // nobody knows whether the directory may be shown
      if (index->kind != FileEntry::Kind::file) continue;
      found = std::move(index);
      found->in_directory = true;
      path = std::move(in);
      break;
    }
  }
  if (found->kind != FileEntry::Kind::file) return found;
  for (const std::string& coding : place.precompressed) {
    auto encoded = open_one(root.get(), path + std::string(ending_of(coding)), nowait);
    if (!encoded) return std::nullopt;
    // One that is older than its original was made of something else.
    if (encoded->kind != FileEntry::Kind::file || encoded->modified < found->modified) continue;
    encoded->content_type = found->content_type;
    found->encoded.emplace_back(coding, std::make_shared<const FileEntry>(std::move(*encoded)));
  }
  return found;
}

bool hidden_path(std::string_view path) {
  bool hidden = false;
  base::split(path, '/', [&hidden](std::string_view part) { hidden = hidden || (part.starts_with('.') && part != ".well-known"); });
  return hidden;
}

std::string_view mime_type(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 55> types{{
      {"html", "text/html; charset=utf-8"}, {"htm", "text/html; charset=utf-8"}, {"css", "text/css; charset=utf-8"},
      {"js", "text/javascript; charset=utf-8"}, {"mjs", "text/javascript; charset=utf-8"}, {"json", "application/json"},
      {"map", "application/json"}, {"webmanifest", "application/manifest+json"}, {"xml", "application/xml"}, {"xsl", "application/xml"},
      {"rss", "application/rss+xml"}, {"atom", "application/atom+xml"}, {"txt", "text/plain; charset=utf-8"},
      {"md", "text/markdown; charset=utf-8"}, {"csv", "text/csv; charset=utf-8"}, {"ics", "text/calendar; charset=utf-8"},
      {"vcf", "text/vcard; charset=utf-8"}, {"vtt", "text/vtt; charset=utf-8"}, {"svg", "image/svg+xml"}, {"svgz", "image/svg+xml"},
      {"png", "image/png"}, {"jpg", "image/jpeg"}, {"jpeg", "image/jpeg"}, {"gif", "image/gif"}, {"webp", "image/webp"}, {"avif", "image/avif"},
      {"ico", "image/x-icon"}, {"bmp", "image/bmp"}, {"tif", "image/tiff"}, {"tiff", "image/tiff"}, {"woff", "font/woff"}, {"woff2", "font/woff2"},
      {"ttf", "font/ttf"}, {"otf", "font/otf"}, {"eot", "application/vnd.ms-fontobject"}, {"pdf", "application/pdf"}, {"zip", "application/zip"},
      {"gz", "application/gzip"}, {"tar", "application/x-tar"}, {"7z", "application/x-7z-compressed"}, {"wasm", "application/wasm"},
      {"mp3", "audio/mpeg"}, {"m4a", "audio/mp4"}, {"ogg", "audio/ogg"}, {"oga", "audio/ogg"}, {"wav", "audio/wav"}, {"flac", "audio/flac"},
      {"mp4", "video/mp4"}, {"m4v", "video/mp4"}, {"webm", "video/webm"}, {"ogv", "video/ogg"}, {"mov", "video/quicktime"},
      {"doc", "application/msword"}, {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
      {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
  }};
  const auto slash = name.rfind('/');
  if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
  const auto dot = name.rfind('.');
  if (dot != std::string_view::npos)
    for (const auto& [ending, type] : types)
      if (base::iequals(name.substr(dot + 1), ending)) return type;
  return "application/octet-stream";
}

}  // namespace http
