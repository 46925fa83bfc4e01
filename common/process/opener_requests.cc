// SPDX-License-Identifier: BSD-2-Clause
// What the opener does for each request: is it named, is the way to it safe, then open.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "net/reasons.h"
#include "process/opener_path.h"
#include "process/opener_process.h"

namespace process {
namespace {

constexpr std::int64_t most_workers = 256;

Opener::Reply failed(int error) {
  Opener::Reply reply;
  reply.answer = error == unsafe_way ? wire::Answer::unsafe : wire::Answer::failed;
  reply.system = error == unsafe_way ? EACCES : error;
  return reply;
}

bool contains(const std::vector<std::string>& list, const std::string& one) { return std::find(list.begin(), list.end(), one) != list.end(); }

FileState state_of(const struct stat& info) {
  const auto nanoseconds = [](const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; };
  return {info.st_dev, info.st_ino, static_cast<std::uint64_t>(info.st_size), nanoseconds(info.st_mtim), nanoseconds(info.st_ctim)};
}

// A file behind a safe way, open; it must not be one that the account linked there.
std::expected<net::Descriptor, int> open_leaf(const SafeWay& way, int flags, const User& account, struct stat& info) {
  net::Descriptor fd(::openat(way.directory.get(), way.leaf.c_str(), flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (fd.get() < 0) return std::unexpected(errno);
  if (::fstat(fd.get(), &info) != 0) return std::unexpected(errno);
  if (S_ISDIR(info.st_mode)) return std::unexpected(EISDIR);
  if (way.shared && (info.st_uid == account.uid || info.st_nlink != 1)) return std::unexpected(unsafe_way);
  return fd;
}

}  // namespace

bool Opener::current() const {
  DirectAccess plain;
  for (std::size_t i = 0; i < named_.sources.size(); ++i)
    if (plain.stat(named_.sources[i]) != sources_[i]) return false;
  return known_;
}

void Opener::refresh(bool force) {
  if (!force && current()) return;
  Named now = naming_();
  if (!now.problem.empty() && known_) {
    now.addresses = std::move(named_.addresses);
    now.files = std::move(named_.files);
    now.logs = std::move(named_.logs);
  }
  named_ = std::move(now);
  known_ = true;
  DirectAccess plain;
  sources_.clear();
  for (const std::string& source : named_.sources) sources_.push_back(plain.stat(source));
}

// A name that is not there may be new: files that an `include` finds are seen only by reading again.
template <class Has>
bool Opener::names(Has&& has) {
  refresh(false);
  if (has(named_)) return true;
  refresh(true);
  return has(named_);
}

Opener::Reply Opener::refused(const std::string& what) const {
  Reply reply;
  reply.answer = wire::Answer::refused;
  reply.system = EACCES;
  reply.text = what + " is not named by the configuration" + (named_.problem.empty() ? "" : " (of which not all is known: " + named_.problem + ")");
  return reply;
}

Opener::Reply Opener::handle(std::string_view request) {
  wire::Reader in(request);
  const auto kind = in.number();
  if (kind == static_cast<std::int64_t>(wire::Request::bind)) return bind(in);
  const std::string text = in.text();
  if (in.complete()) switch (static_cast<wire::Request>(kind)) {
      case wire::Request::open: return open(text);
      case wire::Request::stat: return stat(text);
      case wire::Request::log: return log(text);
      case wire::Request::expand: return expand(text);
      default: break;
    }
  Reply reply;
  reply.answer = wire::Answer::refused;
  reply.system = EINVAL;
  reply.text = "a request that makes no sense";
  return reply;
}

Opener::Reply Opener::bind(wire::Reader& in) {
  const std::string text = in.text();
  const std::int64_t workers = in.number(), backlog = in.number(), mode = in.number(), ipv6_only = in.number();
  const auto address = net::Address::parse(text);
  if (!in.complete() || !address || workers < 1 || workers > most_workers) return failed(EINVAL);
  const auto same = [&](const net::Address& one) { return one == *address; };
  if (!names([&](const Named& named) { return std::any_of(named.addresses.begin(), named.addresses.end(), same); })) return refused(text);
  const bool file = text.starts_with("unix:");
  if (file) {
    const auto way = safe_way(address->unix_path(), account_);
    if (!way) return failed(way.error());
    if (way->shared) return failed(unsafe_way);  // its mode and owner are set by name
  }
  net::ListenOptions options;
  options.backlog = static_cast<int>(std::clamp<std::int64_t>(backlog, 1, INT32_MAX));
  options.unix_mode = static_cast<unsigned>(mode) & 0777;
  options.ipv6_only = ipv6_only != 0;
  const auto opened = net::open_listener(*address, static_cast<std::size_t>(workers), options, text);
  Reply reply;
  if (!opened) {
    reply = failed(opened.error().system);
    if (opened.error().reason.is(net::reasons::listen_not_socket)) reply.answer = wire::Answer::not_socket;
    return reply;
  }
  for (const int fd : *opened) reply.descriptors.emplace_back(fd);
  if (file && ::lchown(address->unix_path().c_str(), account_.uid, account_.gid) != 0) {
    const int error = errno;
    ::unlink(address->unix_path().c_str());
    return failed(error);
  }
  return reply;
}

Opener::Reply Opener::open(const std::string& path) {
  const auto has = [&](const Named& named) { return contains(named.files, path) || contains(named.sources, path); };
  if (!names(has)) return refused(path);
  const auto way = safe_way(path, account_);
  if (!way) return failed(way.error());
  struct stat info{};
  auto fd = open_leaf(*way, O_RDONLY, account_, info);
  if (!fd) return failed(fd.error());
  if (!S_ISREG(info.st_mode)) return failed(EACCES);
  Reply reply;
  reply.descriptors.push_back(std::move(*fd));
  return reply;
}

Opener::Reply Opener::stat(const std::string& path) {
  const auto has = [&](const Named& named) { return contains(named.files, path) || contains(named.sources, path) || contains(named.logs, path); };
  if (!names(has)) return refused(path);
  const auto way = safe_way(path, account_);
  if (!way) return failed(way.error());
  struct stat info{};
  if (::fstatat(way->directory.get(), way->leaf.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return failed(errno);
  Reply reply;
  reply.state = state_of(info);
  return reply;
}

Opener::Reply Opener::log(const std::string& path) {
  if (!names([&](const Named& named) { return contains(named.logs, path); })) return refused(path);
  const auto way = safe_way(path, account_);
  if (!way) return failed(way.error());
  Reply reply;
  // A new file is the account's; one that is there stays whose it is.
  net::Descriptor made(::openat(way->directory.get(), way->leaf.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0640));
  if (made.get() >= 0) {
    if (::fchown(made.get(), account_.uid, account_.gid) != 0) return failed(errno);
    reply.descriptors.push_back(std::move(made));
    return reply;
  }
  if (errno != EEXIST) return failed(errno);
  struct stat info{};
  auto fd = open_leaf(*way, O_WRONLY | O_APPEND, account_, info);
  if (!fd) return failed(fd.error());
  ::fcntl(fd->get(), F_SETFL, ::fcntl(fd->get(), F_GETFL) & ~O_NONBLOCK);
  reply.descriptors.push_back(std::move(*fd));
  return reply;
}

Opener::Reply Opener::expand(const std::string& pattern) {
  if (!names([&](const Named& named) { return contains(named.patterns, pattern); })) return refused(pattern);
  Reply reply;
  for (const std::string& name : config::own_files().expand(pattern)) reply.text.append(name) += '\0';
  if (reply.text.size() > wire::longest - 1024) return failed(E2BIG);
  return reply;
}

}  // namespace process
