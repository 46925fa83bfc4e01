// SPDX-License-Identifier: BSD-2-Clause
// Whatever may need more rights than the process has goes through an Access: listening, reading certificates and keys, opening logs.
// By plain calls as whoever we are; or, where root started us and we became somebody else, also by the opener: a small process that
// kept some of root's rights, reads the configuration itself and opens only what that names (opener_process.h).
// Functions may be called by any thread; they block for as long as opening a file does.
#pragma once

#include <cerrno>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/reason.h"
#include "config/files.h"
#include "net/listener.h"

namespace process {

namespace reasons {
inline constexpr base::ReasonRow bind_needs_right{
    "listen-denied", "no right to listen on {s}: a port below 1024 needs CAP_NET_BIND_SERVICE (AmbientCapabilities= in the unit) or a start as root; both need a restart"};
inline constexpr base::ReasonRow bind_unnamed{"listen-refused", "the opener refuses to listen on {s}: the configuration does not name it, or cannot be read; the log says why"};
inline constexpr base::ReasonRow opener_gone{"opener-gone", "no right to listen on {s}: the process that kept root's rights has ended; needs a restart as root"};
inline constexpr base::ReasonRow bind_unsafe{"listen-unsafe", "the opener refuses to create {s}: the account of the daemon can change the way to it, but has no right to create it itself"};
}  // namespace reasons

// What tells one state of a file from another.
struct FileState {
  std::uint64_t device = 0, inode = 0, size = 0;
  std::int64_t modified = 0, changed = 0;  // nanoseconds since 1970
  bool operator==(const FileState&) const = default;
};

class Access {
 public:
  virtual ~Access() = default;
  // Where refusals are told from now on, by any thread; empty: standard error, as at first.
  virtual void set_log(std::function<void(const std::string&)> log) { (void)log; }

  // A channel to the process that has more rights, for another process of this daemon; empty where there is none.
  virtual net::Descriptor new_channel() { return {}; }

  // As net::Listener::open, with the same errors and those above; `name` must outlive them.
  virtual base::Result<std::unique_ptr<net::Listener>> bind(const net::Address& address, std::size_t workers, const net::ListenOptions& options,
                                                            std::string_view name) = 0;
  // The rest gives the errno. Reading:
  virtual std::expected<net::Descriptor, int> open_file(const std::string& path) = 0;
  // Of what the path means, symbolic links followed.
  virtual std::expected<FileState, int> stat(const std::string& path) = 0;
  // For appending; made if it is not there, the daemon's account's then.
  virtual std::expected<net::Descriptor, int> open_log(const std::string& path) = 0;
  // Names that a pattern of the configuration's `include` stands for.
  virtual std::vector<std::string> expand(const std::string& pattern) = 0;

  std::expected<std::string, int> read_file(const std::string& path);
  // For config::Context::set_files; borrows this.
  config::Files files();
};

// As whoever we are.
class DirectAccess : public Access {
 public:
  base::Result<std::unique_ptr<net::Listener>> bind(const net::Address& address, std::size_t workers, const net::ListenOptions& options,
                                                    std::string_view name) override;
  std::expected<net::Descriptor, int> open_file(const std::string& path) override;
  std::expected<FileState, int> stat(const std::string& path) override;
  std::expected<net::Descriptor, int> open_log(const std::string& path) override;
  std::vector<std::string> expand(const std::string& pattern) override;
};

// One for everybody who has no other: it holds nothing.
Access& direct_access();

inline bool is_denial(int error) { return error == EACCES || error == EPERM; }

}  // namespace process
