// SPDX-License-Identifier: BSD-2-Clause
#include "cachenode/generation.h"

#include "process/daemon.h"

namespace cachenode {

namespace {

std::shared_ptr<const http::Endpoint> endpoint_of(const std::string& name, const OriginSection& section) {
  auto endpoint = std::make_shared<http::Endpoint>();
  endpoint->name = name;
  endpoint->address = section.address.address;
  endpoint->keepalive = section.keepalive;
  endpoint->options.connect = section.timeout.connect;
  endpoint->options.first_byte = section.timeout.first_byte;
  endpoint->options.between_bytes = section.timeout.between_bytes;
  endpoint->options.keepalive_timeout = section.keepalive_timeout;
  endpoint->options.drain_timeout = section.timeout.first_byte;
  endpoint->options.close_on_abort = true;   // who left gives up its place at every tier behind; the balancer alone keeps slots
  return endpoint;
}

}  // namespace

std::shared_ptr<const Compiled> compile(const Options& options, std::shared_ptr<const http::AccessFormat> format, const std::string& default_via) {
  auto out = std::make_shared<Compiled>();
  out->policy = compile_policy(options, default_via);
  out->headers = options.headers;
  out->append_xff = options.append_xff;
  out->purge_allow = options.purge.allow.list;
  out->settle = options.purge.settle;
  for (const ListenSection& section : options.listen) out->listeners.push_back(std::make_shared<const Listener>(Listener{section.trusted_proxies.list}));
  out->format = std::move(format);
  const auto& [name, origin] = options.origin.front();
  out->origin = name;
  out->origin_address = origin.address.text;
  out->endpoint = endpoint_of(name, origin);
  out->max_connections = origin.max_connections;
  out->max_waiting = origin.queue.max_waiting;
  out->queue_timeout = origin.queue.timeout;
  out->probe = origin.probe;
  return out;
}

std::unique_ptr<Generation> State::bind(std::shared_ptr<const Compiled> compiled, const Generation* previous) {
  std::erase_if(origins_, [](const auto& one) { return one.second.expired(); });
  auto out = std::make_unique<Generation>();
  std::weak_ptr<Origin>& known = origins_[compiled->origin];
  out->origin = known.lock();
  if (!out->origin) known = out->origin = std::make_shared<Origin>(compiled->origin, compiled->max_connections, compiled->max_waiting);
  out->endpoint = previous && previous->endpoint->same(*compiled->endpoint) ? previous->endpoint : compiled->endpoint;
  if (previous && previous->endpoint != out->endpoint) out->gone = previous->endpoint;
  out->compiled = std::move(compiled);
  return out;
}

void State::commit(const Generation& next, base::TimePoint now) {
  next.origin->book.set_limits(next.compiled->max_connections, next.compiled->max_waiting, now);
}

void State::settle(const Generation& next, const Generation& before, process::Runtime& runtime) {
  runtime.exhume(next.origin.get());
  if (next.origin == before.origin) return;
  runtime.bury(before.origin, [raw = before.origin.get()] {
    const http::Admission::Totals totals = raw->book.totals();
    return totals.active > 0 || totals.waiting > 0;
  });
}

}  // namespace cachenode
