// SPDX-License-Identifier: BSD-2-Clause
#include "cachenode/own_answer.h"

namespace cachenode {

namespace {

// RFC 9209 2: the name of the proxy, then what went wrong and where.
std::string proxy_status(const base::Reason& reason, std::string_view next_hop) {
  std::string out = "cachenode";
  const auto quoted = [&](std::string_view text) {
    out += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      if (c >= ' ' && c <= '~') out += c;
    }
    out += '"';
  };
  if (reason.row->proxy_status) (out += "; error=") += reason.row->proxy_status;
  if (!next_hop.empty()) {
    out += "; next-hop=";
    quoted(next_hop);
  }
  out += "; details=";
  quoted(reason.row->name);
  return out;
}

}  // namespace

OwnAnswer own_answer(const base::Error& error, std::string_view next_hop) {
  OwnAnswer out;
  const int status = error.reason.row->status ? error.reason.row->status : 502;
  out.head.set_status(status);
  out.head.add(http::Token::cache_control, "no-store");
  out.head.add(http::Token::content_type, "text/html; charset=utf-8");
  out.head.add(http::Token::proxy_status, proxy_status(error.reason, next_hop));
  if (status == 503) out.head.add(http::Token::retry_after, "5");
  if (status == 405) out.head.add(http::Token::allow, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  const std::string title = std::to_string(status) + " " + std::string(http::reason_phrase(status));
  out.body = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + title + "</title></head>\n<body><h1>" + title +
             "</h1></body></html>\n";
  return out;
}

OwnAnswer purge_answer(std::size_t objects, int not_found) {
  OwnAnswer out;
  out.head.set_status(objects ? 200 : not_found);
  out.head.add(http::Token::cache_control, "no-store");
  out.head.add(http::Token::content_type, "text/plain; charset=utf-8");
  out.head.add(http::Token::x_cache, objects ? "HIT" : "MISS");
  out.body = objects ? std::to_string(objects) + (objects == 1 ? " object purged\n" : " objects purged\n") : "nothing to purge\n";
  return out;
}

}  // namespace cachenode
