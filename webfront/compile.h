// SPDX-License-Identifier: BSD-2-Clause
// From options to what serves: sites with compiled patterns, upstreams, queues. What can be wrong is reported to the Context. The
// result is immutable and holds no state: generation.h binds it to endpoints and books. Any thread.
#pragma once

#include <memory>
#include <vector>

#include "http/access_log.h"
#include "http/upstream_pool.h"
#include "net/address.h"
#include "webfront/options.h"
#include "webfront/site.h"

namespace webfront {

// `servers`: as they are asked if no equal ones serve already.
struct Upstream {
  std::string name;
  std::vector<std::shared_ptr<const http::Endpoint>> servers;
  QueueRule queue;                                             // not given(): no limit
};

// A route's queue. `key`: whose it is across configurations.
struct RouteQueue {
  std::string key;
  std::string name;
  QueueRule rule;
};

// A listener's own facts (Generation::listener_view).
struct ListenerView {
  std::shared_ptr<const net::NetworkList> trusted;
  bool tls = false;
};

struct Compiled {
  std::vector<Site> sites;
  std::vector<Upstream> upstreams;
  std::vector<RouteQueue> route_queues;                        // Route::queue_place
  std::vector<std::shared_ptr<const ListenerView>> listeners;  // one for each [[listen]]
  std::size_t routes = 0;                                      // of all sites: Route::number is below
  std::shared_ptr<const net::NetworkList> debug_from;
  std::string via;
  std::uint32_t via_visits = 0;
  std::uint64_t body_size = 256ULL << 20;
  http::AccessFormat format;
  bool log_answer_fields = false;                              // the format has $sent_http_…: heads of answers are kept for it
};

class NetworkClients final : public ClientSet {
 public:
  explicit NetworkClients(std::shared_ptr<const net::NetworkList> list) : list_(std::move(list)) {}
  bool contains(std::string_view address) const override { return list_->contains_text(address); }

 private:
  std::shared_ptr<const net::NetworkList> list_;
};

// `default_via`: our name in Via where the options have none.
std::shared_ptr<const Compiled> compile(const Options& options, config::Context& context, const std::string& default_via);

}  // namespace webfront
