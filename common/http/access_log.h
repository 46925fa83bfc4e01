// SPDX-License-Identifier: BSD-2-Clause
// The line of the access log that an exchange leaves: its facts, and formats compiled once from the configuration.
// A format is immutable (any thread); the record is filled by the exchange's end. Nothing is allocated per line but what `out` grows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "http/head.h"
#include "net/address.h"

namespace http {

// Views need to live for the call only. Durations below zero: that point was not reached ("-", in httplog -1).
struct AccessRecord {
  static constexpr base::Duration never{-1};

  // --- who ---
  std::string_view remote_addr;   // effective client
  std::uint16_t remote_port = 0;  // of the peer
  const net::Address* peer = nullptr;  // of the connection ($realip_remote_addr)
  std::string_view remote_user;
  std::uint64_t connection = 0;   // serial
  std::uint32_t connection_requests = 0;
  // --- asked what ---
  const RequestHead* request = nullptr;   // null if none was parsed
  std::string_view request_line;          // then: what was received of it, unescaped
  std::string_view original_target;       // as the client sent it, if it was rewritten since
  std::string_view protocol = "HTTP/1.1"; // "HTTP/2.0" for HTTP/2
  std::string_view scheme;
  std::string_view server_name;           // site or virtual host that served
  std::uint16_t server_port = 0;
  std::string_view route;
  std::string_view request_id;
  std::uint64_t request_length = 0;       // head and body as received
  // --- answered what ---
  const ResponseHead* response = nullptr;
  int status = 0;                         // as sent; 499 client left, 444 closed without an answer
  std::uint64_t bytes_sent = 0;           // heads and framing included
  std::uint64_t body_bytes_sent = 0;
  // --- when ---
  base::WallTime began{};                 // first byte of the request
  base::Duration total = never;           // from then to the end
  base::Duration received = never;        // until the request head was complete (TR)
  base::Duration queued = never;          // waiting for a slot (Tw)
  // --- upstream ---
  std::string_view upstream_addr;
  int upstream_status = 0;
  base::Duration upstream_connect = never;
  base::Duration upstream_header = never;    // from sent to head
  base::Duration upstream_response = never;  // from sent to last byte
  std::string_view upstream_cache_status;    // HIT MISS EXPIRED STALE BYPASS …
  std::string_view cache_detail;
  // --- TLS ---
  std::string_view ssl_protocol, ssl_cipher, ssl_server_name;
  bool ssl_reused = false;
  // --- balancing ---
  std::string_view frontend, backend, server;   // "<NOSRV>" is written for an empty server
  std::string_view termination;                 // four characters, "----" if empty
  std::uint32_t active = 0, frontend_connections = 0, backend_connections = 0, server_connections = 0;
  std::uint32_t retries = 0;
  bool redispatched = false;
  std::uint32_t server_queue = 0, backend_queue = 0;
  // --- how it ended ---
  std::string_view end_reason;
};

class AccessFormat {
 public:
  // "combined" (also "ncsa"), "common", "json", "httplog", or a text with variables ("$remote_addr [$time_local] …").
  // False with `problem` for an unknown word or variable.
  static bool compile(std::string_view format, AccessFormat& out, std::string& problem);
  // Appends one line, without its LF (as LogRing::write takes it).
  void append(std::string& out, const AccessRecord& record) const;

 private:
  enum class Kind : std::uint8_t { custom, json, httplog };
  struct Part {
    std::uint8_t variable = 0;  // row of the table of variables; 0: text
    std::string text;           // literal text, or the NAME of $http_NAME …
    Token token = Token::other; // of NAME, if known
  };
  static bool compile_custom(std::string_view format, AccessFormat& out, std::string& problem);
  void append_custom(std::string& out, const AccessRecord& record) const;
  Kind kind_ = Kind::custom;
  std::vector<Part> parts_;
};

}  // namespace http
