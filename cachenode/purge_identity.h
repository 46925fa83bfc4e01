// SPDX-License-Identifier: BSD-2-Clause
// decision: pure
// What a path is called in public, whatever virtual-host form it came in: the name by which rules see an object and by which
// PURGE finds all its keys. Any thread.
#pragma once

#include <string>
#include <string_view>

namespace cachenode {

struct PublicPath {
  std::string path;        // what visitors see: after the last VirtualHostRoot, "_vh_x" is "x"; canonical form, '/' first
  std::string host;        // of the virtual-host form, in lower case without default port; empty if there is none
  bool virtual_host = false;
};
// `path`: without query. Unreserved bytes are decoded first, so that no spelling of the markers is missed.
PublicPath public_path(std::string_view path);

struct PurgeIdentity {
  std::string path;        // without host: one "++api++" beside the root dropped, empty segments and final slash dropped
  std::string host;        // empty: every host
};
// `host`: the object's, in key form; ignored for a virtual-host path. `vhm` false: the path is taken as it is.
PurgeIdentity purge_identity(std::string_view path, std::string_view host, bool vhm);

}  // namespace cachenode
