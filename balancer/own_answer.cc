// SPDX-License-Identifier: BSD-2-Clause
#include "balancer/own_answer.h"

namespace balancer {
namespace {

// RFC 9209 2: the name of the proxy, then what went wrong and where.
std::string proxy_status(const base::Error& error, std::string_view next_hop) {
  std::string out = "balancer";
  const base::ReasonRow& row = *error.reason.row;
  if (row.proxy_status) (out += "; error=") += row.proxy_status;
  const auto quoted = [&](std::string_view text) {
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
  quoted(row.name);
  return out;
}

}  // namespace

OwnAnswer error_answer(const base::Error& error, std::string_view next_hop, const std::map<int, std::string>* pages) {
  OwnAnswer out;
  const int status = error.reason.row->status ? error.reason.row->status : 500;
  out.head.set_status(status);
  out.head.add(http::Token::cache_control, "no-store");
  out.head.add(http::Token::content_type, "text/html; charset=utf-8");
  out.head.add(http::Token::proxy_status, proxy_status(error, next_hop));
  if (status == 503) out.head.add(http::Token::retry_after, "5");
  if (pages)
    if (const auto page = pages->find(status); page != pages->end()) {
      out.body = page->second;
      return out;
    }
  const std::string title = std::to_string(status) + " " + std::string(http::reason_phrase(status));
  out.body = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + title + "</title></head>\n<body><h1>" + title +
             "</h1></body></html>\n";
  return out;
}

OwnAnswer health_answer(const base::ReasonRow& row, std::string_view backend) {
  OwnAnswer out;
  out.head.set_status(row.status);
  out.head.add(http::Token::cache_control, "no-store");
  out.head.add(http::Token::content_type, "text/plain; charset=utf-8");
  if (row.status == 503) out.head.add(http::Token::retry_after, "5");
  out.body = base::Reason{&row, 0, 0, backend}.text() + "\n";
  return out;
}

}  // namespace balancer
