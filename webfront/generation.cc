// SPDX-License-Identifier: BSD-2-Clause
#include "webfront/generation.h"

#include <algorithm>

#include "process/daemon.h"

namespace webfront {

namespace {

using Endpoints = std::vector<std::shared_ptr<const http::Endpoint>>;

Endpoints all_servers(const Generation& generation) {
  Endpoints out;
  for (const BoundUpstream& upstream : generation.upstreams) out.insert(out.end(), upstream.servers.begin(), upstream.servers.end());
  return out;
}

std::vector<std::shared_ptr<http::Admission>> all_books(const Generation& generation) {
  auto out = generation.route_queues;
  for (const BoundUpstream& upstream : generation.upstreams)
    if (upstream.book) out.push_back(upstream.book);
  return out;
}

template <class T>
bool has(const std::vector<T>& list, const T& one) {
  return std::find(list.begin(), list.end(), one) != list.end();
}

template <class T>
void forget_dead(std::map<std::string, std::weak_ptr<T>>& known) {
  std::erase_if(known, [](const auto& one) { return one.second.expired(); });
}

}  // namespace

std::shared_ptr<http::Admission> State::book(const std::string& key, const std::string& name, const QueueRule& rule) {
  std::weak_ptr<http::Admission>& known = books_[key];
  if (auto living = known.lock()) return living;
  auto made = std::make_shared<http::Admission>(name, rule.max_active, rule.max_waiting);
  known = made;
  return made;
}

process::HandoverBooks State::books() const {
  process::HandoverBooks out;
  for (const auto& [key, known] : books_)
    if (auto living = known.lock()) out.emplace_back(key, std::move(living));
  return out;
}

std::shared_ptr<Turns> State::turns(const std::string& upstream) {
  std::weak_ptr<Turns>& known = turns_[upstream];
  if (auto living = known.lock()) return living;
  auto made = std::make_shared<Turns>(workers_);
  known = made;
  return made;
}

std::unique_ptr<Generation> State::bind(std::shared_ptr<const Compiled> compiled, const Generation* previous) {
  forget_dead(books_);
  forget_dead(turns_);
  auto out = std::make_unique<Generation>();
  out->compiled = std::move(compiled);
  const Endpoints before = previous ? all_servers(*previous) : Endpoints{};
  for (const Upstream& upstream : out->compiled->upstreams) {
    BoundUpstream bound;
    for (const auto& server : upstream.servers) {
      const auto kept = std::find_if(before.begin(), before.end(), [&](const auto& one) { return one->same(*server); });
      bound.servers.push_back(kept == before.end() ? server : *kept);
    }
    if (upstream.queue.given()) bound.book = book("upstream " + upstream.name, upstream.name, upstream.queue);
    bound.turns = turns(upstream.name);
    out->upstreams.push_back(std::move(bound));
  }
  for (const RouteQueue& queue : out->compiled->route_queues) out->route_queues.push_back(book("route " + queue.key, queue.name, queue.rule));
  const Endpoints now = all_servers(*out);
  for (const auto& server : before)
    if (!has(now, server)) out->gone.push_back(server);
  return out;
}

const Durations* State::durations(observe::Metrics& metrics, const std::string& site, const std::string& route) {
  static constexpr const char* codes[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
  const auto [at, fresh] = durations_.try_emplace({site, route});
  for (std::size_t i = 0; fresh && i < at->second.size(); ++i)
    at->second[i] = &metrics.histogram("webfront_request_duration_seconds", "From a request's first byte to the end of its answer.",
                                       {{"site", site}, {"route", route}, {"code", codes[i]}}, observe::duration_buckets());
  return &at->second;
}

void State::commit(Generation& next, observe::Metrics& metrics, base::TimePoint now) {
  next.durations.clear();
  for (const Site& site : next.compiled->sites)
    for (const Route& route : site.routes) next.durations.push_back(durations(metrics, site.names.empty() ? "" : site.names.front(), route.label));
  next.durations.push_back(durations(metrics, "", ""));
  const auto limit = [now](http::Admission* book, const QueueRule& rule) {
    if (book) book->set_limits(rule.max_active, rule.max_waiting, now);
  };
  for (std::size_t i = 0; i < next.upstreams.size(); ++i) limit(next.upstreams[i].book.get(), next.compiled->upstreams[i].queue);
  for (std::size_t i = 0; i < next.route_queues.size(); ++i) limit(next.route_queues[i].get(), next.compiled->route_queues[i].rule);
}

void State::settle(const Generation& next, const Generation& before, process::Runtime& runtime) {
  const auto still = all_books(next);
  for (const auto& book : still) runtime.exhume(book.get());
  for (const auto& book : all_books(before)) {
    if (has(still, book)) continue;
    runtime.bury(book, [raw = book.get()] {
      const http::Admission::Totals totals = raw->totals();
      return totals.active > 0 || totals.waiting > 0;
    });
  }
}

}  // namespace webfront
