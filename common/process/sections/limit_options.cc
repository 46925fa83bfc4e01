// SPDX-License-Identifier: BSD-2-Clause
#include "process/sections/limit_options.h"

namespace process {

http::ServerOptions server_options(const LimitOptions& limits, base::Duration idle) {
  http::ServerOptions out;
  out.head.bytes = limits.header_size;
  out.head.fields = limits.header_count;
  out.head.target = limits.target_size;
  out.body_size = limits.body_size;
  out.buffers = limits.buffers;
  out.handshake_timeout = limits.handshake_timeout;
  out.header_timeout = limits.header_timeout;
  out.body_timeout = limits.body_timeout;
  out.idle_timeout = limits.idle_timeout.value_or(idle);
  out.write_timeout = limits.write_timeout;
  out.min_body_rate = limits.min_body_rate;
  out.min_write_rate = limits.min_write_rate;
  out.tunnel_timeout = limits.tunnel_timeout;
  return out;
}

}  // namespace process

template <>
const config::Table<process::LimitOptions>& config::table_of<process::LimitOptions>() {
  using O = process::LimitOptions;
  using namespace std::chrono_literals;
  static const Table<O> table("What clients may send, and how long they may take. The error log names the limit that ended a connection.", {
    option("header_size", &O::header_size, "All of a request's head; beyond it 431.").range(1024, 1 << 20).live(),
    option("header_count", &O::header_count, "Fields in a head; beyond it 431.").range(1, 10'000).live(),
    option("target_size", &O::target_size, "The address in the request line; beyond it 414.").range(64, 1 << 20).live(),
    option("body_size", &O::body_size, "A request's body; beyond it 413.").live(),
    option("buffers", &O::buffers, "All bytes in transit, of the whole process. From an eighth of it on windows shrink, from three quarters readers that take nothing are given up, near it no connection is accepted.").min(4 << 20).live(),
    option("handshake_timeout", &O::handshake_timeout, "The TLS handshake.").min(1ms).live(),
    option("header_timeout", &O::header_timeout, "From the first byte of a head to its last; then 408.").min(1ms).live(),
    option("body_timeout", &O::body_timeout, "Between two pieces of a request's body; then 408.").min(1ms).live(),
    option("idle_timeout", &O::idle_timeout, "Between two requests on a connection.").min(1ms).live().default_text("webfront \"60s\", cachenode and balancer \"120s\""),
    option("write_timeout", &O::write_timeout, "Without the client taking a byte of the answer.").min(1ms).live(),
    option("min_body_rate", &O::min_body_rate,
           "Bytes a second that a request's body must bring while it is waited for, on average over `body_timeout`; then 408. 0: any.").live(),
    option("min_write_rate", &O::min_write_rate,
           "Bytes a second of an answer that the client must take while some wait for it, on average over `write_timeout`. 0: any.").live(),
    option("tunnel_timeout", &O::tunnel_timeout, "Without a byte in either direction of a WebSocket.").min(1ms).live(),
  });
  return table;
}
