// SPDX-License-Identifier: BSD-2-Clause
#include "cachenode/purge_identity.h"

#include <vector>

#include "base/bytes.h"
#include "http/host.h"
#include "http/paths.h"

namespace cachenode {

namespace {

constexpr std::string_view base_marker = "VirtualHostBase";
constexpr std::string_view root_marker = "VirtualHostRoot";
constexpr std::string_view api_marker = "++api++";

struct Split {
  std::vector<std::string_view> before;  // segments before the last VirtualHostRoot
  std::vector<std::string_view> after;   // behind it, or all
  bool root = false;
};

Split split_path(std::string_view canonical) {
  Split out;
  if (!canonical.empty() && canonical.front() == '/') canonical.remove_prefix(1);
  base::split(canonical, '/', [&](std::string_view segment) {
    if (segment == root_marker) {
      out.before.insert(out.before.end(), out.after.begin(), out.after.end());
      out.after.clear();
      out.root = true;
    } else {
      out.after.push_back(segment);
    }
  });
  return out;
}

// The host of "/VirtualHostBase/https/www.example.org:443/…".
std::string virtual_host(const Split& split) {
  for (std::size_t i = split.before.size(); i-- > 0;)
    if (split.before[i] == base_marker && i + 2 < split.before.size())
      return http::normal_host(split.before[i + 2], split.before[i + 1]);
  return {};
}

// Nothing in it that would have to be decoded, cut or dropped: what nearly every request has.
bool is_plain(std::string_view path) {
  return path.size() > 1 && path.front() == '/' && path.back() != '/' && path.find('%') == std::string_view::npos && path.find("//") == std::string_view::npos &&
         path.find(root_marker) == std::string_view::npos && !path.starts_with("/++api++");
}

std::string_view shown(std::string_view segment) {
  return segment.starts_with("_vh_") ? segment.substr(4) : segment;
}

}  // namespace

PublicPath public_path(std::string_view path) {
  PublicPath out;
  // Nearly every path is spelt plainly: nothing to decode, nothing to cut.
  const bool plain = path.find('%') == std::string_view::npos;
  if (plain && path.find(root_marker) == std::string_view::npos) {
    out.path = path;
    return out;
  }
  const std::string canonical = plain ? std::string(path) : http::canonical_form(path);
  const Split split = split_path(canonical);
  if (!split.root) {
    out.path = canonical;
    return out;
  }
  out.virtual_host = true;
  out.host = virtual_host(split);
  bool inside = true;  // "_vh_" has its meaning only directly behind the root
  for (const std::string_view segment : split.after) {
    if (!segment.starts_with("_vh_")) inside = false;
    out.path += '/';
    out.path += inside ? shown(segment) : segment;
  }
  if (out.path.empty()) out.path = "/";
  return out;
}

PurgeIdentity purge_identity(std::string_view path, std::string_view host, bool vhm) {
  PurgeIdentity out;
  out.host = host;
  if (is_plain(path)) {
    out.path = path;
    return out;
  }
  std::string shown_path;
  if (vhm) {
    PublicPath shown_form = public_path(path);
    if (shown_form.virtual_host) out.host = std::move(shown_form.host);
    shown_path = std::move(shown_form.path);
  } else {
    shown_path = path.find('%') == std::string_view::npos ? std::string(path) : http::canonical_form(path);
  }
  bool first = true;
  std::string_view rest = shown_path;
  if (!rest.empty() && rest.front() == '/') rest.remove_prefix(1);
  base::split(rest, '/', [&](std::string_view segment) {
    if (segment.empty()) return;
    const bool api = vhm && first && segment == api_marker;
    first = false;
    if (api) return;
    out.path += '/';
    out.path += segment;
  });
  if (out.path.empty()) out.path = "/";
  return out;
}

}  // namespace cachenode
