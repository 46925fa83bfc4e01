// SPDX-License-Identifier: BSD-2-Clause
#include "webfront/virtual_host.h"

namespace webfront {

std::string_view virtual_host_segment(std::string_view match) {
  std::string_view found;
  base::split(match, '/', [&found](std::string_view part) {
    if (found.empty() && (part == "VirtualHostBase" || part == "VirtualHostRoot" || part.starts_with("_vh_"))) found = part;
  });
  return found;
}

bool fits_in_path(std::string_view host) {
  if (host.empty()) return false;
  if (host.front() == '[') {
    if (host.back() != ']' || host.size() < 4) return false;
    for (char c : host.substr(1, host.size() - 2))
      if (base::hex_value(c) < 0 && c != ':' && c != '.') return false;
    return true;
  }
  if (host == "." || host == "..") return false;
  for (char c : host)
    if (!base::is_alpha(c) && !base::is_digit(c) && c != '.' && c != '-' && c != '_') return false;
  return true;
}

}  // namespace webfront
