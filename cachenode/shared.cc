// SPDX-License-Identifier: BSD-2-Clause
#include "cachenode/shared.h"

namespace cachenode {

Origin::Origin(const std::string& origin_name, const OriginSection& section)
    : name(origin_name),
      endpoint(std::make_shared<http::Endpoint>()),
      book(origin_name, section.max_connections, section.queue.max_waiting),
      queue_timeout(section.queue.timeout),
      probe(section.probe) {
  endpoint->name = origin_name;
  endpoint->address = section.address.address;
  endpoint->keepalive = section.keepalive;
  endpoint->options.connect = section.timeout.connect;
  endpoint->options.first_byte = section.timeout.first_byte;
  endpoint->options.between_bytes = section.timeout.between_bytes;
  endpoint->options.keepalive_timeout = section.keepalive_timeout;
  endpoint->options.drain_timeout = section.timeout.first_byte;
  endpoint->options.close_on_abort = true;   // who left gives up its place at every tier behind; the balancer alone keeps slots
}

Shared::Shared(const Options& options, const std::string& default_via)
    : policy(compile_policy(options, default_via)),
      headers(options.headers),
      append_xff(options.append_xff),
      purge_allow(options.purge.allow.list),
      settle(options.purge.settle),
      origin(options.origin.front().first, options.origin.front().second) {}

}  // namespace cachenode
