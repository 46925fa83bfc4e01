// SPDX-License-Identifier: BSD-2-Clause
// From options to what serves: sites with compiled patterns, upstreams with endpoints and admission books. What can be wrong is
// reported to the Context. The result is immutable but for the books, which have their own lock, and is shared by all workers.
#pragma once

#include <memory>
#include <vector>

#include "http/admission.h"
#include "http/upstream_pool.h"
#include "net/address.h"
#include "webfront/options.h"
#include "webfront/site.h"

namespace webfront {

struct Upstream {
  std::string name;
  std::vector<std::shared_ptr<const http::Endpoint>> servers;
  QueueRule queue;
  std::unique_ptr<http::Admission> book;  // null: no limit
};

// A listener's own facts, behind http::ListenerInfo::owner.
struct ListenerView {
  std::shared_ptr<const net::NetworkList> trusted;
  bool tls = false;
  std::uint16_t port = 0;
};

struct Compiled {
  std::vector<Site> sites;
  std::vector<Upstream> upstreams;
  std::vector<std::unique_ptr<http::Admission>> route_queues;  // Route::queue_place
  std::vector<ListenerView> listeners;                         // one for each [[listen]]
};

class NetworkClients final : public ClientSet {
 public:
  explicit NetworkClients(std::shared_ptr<const net::NetworkList> list) : list_(std::move(list)) {}
  bool contains(std::string_view address) const override { return list_->contains_text(address); }

 private:
  std::shared_ptr<const net::NetworkList> list_;
};

std::unique_ptr<Compiled> compile(const Options& options, config::Context& context);

}  // namespace webfront
