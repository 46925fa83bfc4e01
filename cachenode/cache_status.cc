// SPDX-License-Identifier: BSD-2-Clause
#include "cachenode/cache_status.h"

#include <charconv>

#include "base/bytes.h"

namespace cachenode {

namespace {

// sf-token (RFC 9651 3.3.4): begins with a letter or '*', then tchar, ':' and '/'.
bool is_token(std::string_view text) {
  if (text.empty() || !(base::is_alpha(text.front()) || text.front() == '*')) return false;
  for (const char c : text)
    if (!base::is_alpha(c) && !base::is_digit(c) && std::string_view("!#$%&'*+-.^_`|~:/").find(c) == std::string_view::npos) return false;
  return true;
}

void append_bare(std::string_view text, base::RecycledString& out) {
  if (is_token(text)) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c < 0x20 || c > 0x7e) {
      out += '?';
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

void append_number(std::int64_t n, base::RecycledString& out) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, n).ptr;
  out.append(digits, static_cast<std::size_t>(end - digits));
}

}  // namespace

void render_cache_status(const CacheStatus& status, std::string_view name, base::RecycledString& out) {
  append_bare(name, out);
  if (status.hit) {
    out += "; hit; ttl=";
    append_number(status.ttl, out);
  } else if (status.forward) {
    out += "; fwd=";
    out += status.forward;
    if (status.forward_status) {
      out += "; fwd-status=";
      append_number(status.forward_status, out);
    }
    if (status.stored) out += "; stored";
    if (status.collapsed) out += "; collapsed";
  }
  if (!status.detail) return;
  out += "; detail=";
  if (status.detail.subject.empty()) {
    out += status.detail.row->name;  // rows' names are tokens
  } else {
    append_bare(status.detail.code(), out);
  }
}

}  // namespace cachenode
