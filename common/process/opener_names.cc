// SPDX-License-Identifier: BSD-2-Clause
#include "process/opener_names.h"

#include <unistd.h>

#include <cerrno>

#include "config/context.h"
#include "process/privileges.h"

namespace process {
namespace {

// 0, or the errno that making an entry there would have.
int folder_error(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  return ::access(folder.c_str(), W_OK | X_OK) == 0 ? 0 : errno;
}

int append_error(const std::string& path) {
  if (::access(path.c_str(), W_OK) == 0) return 0;
  return errno == ENOENT ? folder_error(path) : errno;
}

}  // namespace

void warn_of_rights(config::Context& context, const Named& named) {
  const std::string unchecked = "cannot be checked without root: ";
  for (const net::Address& address : named.addresses) {
    const std::string text = address.text();
    if (!address.is_unix() && port_needs_right(address.port()))
      context.warning({}, unchecked + "listening on " + text, "a port below 1024 needs CAP_NET_BIND_SERVICE, or a start as root with `user = …`");
    if (text.starts_with("unix:") && folder_error(address.unix_path()) == EACCES)
      context.warning({}, unchecked + "listening on " + text, "the folder is not writable for who tests");
  }
  for (const std::string& log : named.logs)
    if (append_error(log) == EACCES) context.warning({}, unchecked + "writing the log " + log, "it, or its folder, is not writable for who tests");
}

}  // namespace process
