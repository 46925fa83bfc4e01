// SPDX-License-Identifier: BSD-2-Clause
#include "webfront/own_answer.h"

namespace webfront {

namespace {

// RFC 9209 2: the proxy, what went wrong, where, and our own word for it.
std::string proxy_status(const base::Reason& reason, std::string_view next_hop) {
  std::string out = "webfront";
  if (reason.row->proxy_status) (out += "; error=") += reason.row->proxy_status;
  const auto quoted = [&out](std::string_view text) {
    out += '"';
    for (char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      if (c >= ' ' && c <= '~') out += c;
    }
    out += '"';
  };
  if (!next_hop.empty()) {
    out += "; next-hop=";
    quoted(next_hop);
  }
  out += "; details=";
  quoted(reason.row->name);
  return out;
}

std::string page(int status) {
  const std::string title = std::to_string(status) + " " + std::string(http::reason_phrase(status));
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + title + "</title></head>\n<body><h1>" + title +
         "</h1></body></html>\n";
}

void apply(const HeaderEdits& edits, http::ResponseHead& head, const RequestView& view, bool from_upstream) {
  if (from_upstream)
    for (const std::string& name : edits.remove) head.remove(std::string_view(name));
  std::string value;
  for (const auto& [name, text] : edits.set) {
    value.clear();
    text.expand(view, {}, value);
    head.set(std::string_view(name), value);
  }
}

}  // namespace

OwnAnswer status_answer(int status, const Site* site) {
  OwnAnswer out;
  out.head.set_status(status);
  out.head.add(http::Token::content_type, "text/html; charset=utf-8");
  out.head.add(http::Token::cache_control, "no-store");
  if (status == 503) out.head.add(http::Token::retry_after, "5");
  if (site) {
    if (const auto own = site->error_pages.find(status); own != site->error_pages.end()) {
      out.body = own->second;
      return out;
    }
  }
  out.body = page(status);
  return out;
}

OwnAnswer error_answer(const base::Error& error, const Site* site, std::string_view next_hop) {
  OwnAnswer out = status_answer(error.reason.row->status ? error.reason.row->status : 500, site);
  out.head.add(http::Token::proxy_status, proxy_status(error.reason, next_hop));
  if (out.head.status() == 405) out.head.add(http::Token::allow, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  return out;
}

OwnAnswer respond_answer(const Respond& respond, const Site* site) {
  if (respond.body.empty() && respond.status >= 400) return status_answer(respond.status, site);
  OwnAnswer out;
  out.head.set_status(respond.status);
  if (!respond.body.empty()) out.head.add(http::Token::content_type, respond.content_type);
  out.body = respond.body;
  return out;
}

OwnAnswer redirect_answer(int status, std::string_view location) {
  OwnAnswer out;
  out.head.set_status(status);
  out.head.add(http::Token::location, location);
  return out;
}

void edit_headers(http::ResponseHead& head, const Site* site, const Route* route, const RequestView& view, bool from_upstream) {
  if (site && site->headers.given()) apply(site->headers, head, view, from_upstream);
  if (route && route->headers.given()) apply(route->headers, head, view, from_upstream);
}

}  // namespace webfront
