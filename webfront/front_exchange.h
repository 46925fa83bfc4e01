// SPDX-License-Identifier: BSD-2-Clause
// One request through webfront: who asks, site, route, rewrite, then a file, an answer of our own, or the upstream; at last the log.
// Owner: the client's connection or stream. Worker thread.
#pragma once

#include <memory>
#include <optional>

#include "base/recycled.h"
#include "http/admission.h"
#include "http/exchange.h"
#include "http/file_service.h"
#include "http/forwarded.h"
#include "http/relay.h"
#include "webfront/collected_body.h"
#include "process/generation.h"
#include "webfront/generation.h"
#include "webfront/own_answer.h"
#include "webfront/plan.h"

namespace webfront {

class FrontService;

class FrontExchange final : public http::Exchange {
 public:
  FrontExchange(FrontService& service, net::TaskOwner& owner, http::Stream stream, process::Pin pin);
  ~FrontExchange() override;

  // In the order in which they happen.
  enum class State : std::uint8_t {
    route,       // who asks, which site and route
    file,        // a file is looked up
    body,        // the request's body is complete, or enough of it is there
    route_queue, // a place in the route's own queue
    queue,       // a place at the upstream
    upstream,    // it has (or gets) the request
    answer,      // its answer flows to the client
    settle,      // the last bytes leave
    ended,
  };

  // What the log and the counters need.
  struct Facts {
    int status = 0;                 // sent to the client, 0: none
    int upstream_status = 0;
    base::RecycledString upstream_addr, cache_status;
    base::TimePoint queued{}, admitted{};
    base::Duration connect_time = base::Duration{-1}, header_time = base::Duration{-1}, response_time = base::Duration{-1};
    bool retried = false;
    const Durations* durations = nullptr;   // of its route
    std::optional<http::ResponseHead> answer;  // where the log wants it
  };
  const Facts& facts() const { return facts_; }
  const Generation* generation() const { return pin_ ? &static_cast<const Generation&>(*pin_) : nullptr; }  // null: a tunnel
  std::string_view site_name() const;
  std::string_view route_label() const { return plan_.route ? std::string_view(plan_.route->label) : std::string_view(tunnel_route_); }
  const http::Stream& request() const { return stream_; }
  const base::Reason& reason() const { return end_; }
  const http::EffectiveClient& client() const { return client_; }
  std::string_view request_id();  // a trusted peer's, else one made when first asked for

 protected:
  Step run() override;

 private:
  enum class Next : std::uint8_t { go_on, wait };

  Next run_route();
  Next run_file();
  Next run_body();
  Next run_route_queue();
  Next run_queue();
  Next run_upstream();
  Next run_answer();
  Next run_settle();

  void identify();
  Next act();
  Next begin_proxy();
  // Waits for a slot of `book`; true when it is in `slot` (or there is no book). Else what to do is in `next`.
  bool admitted(http::Admission* book, const QueueRule& rule, std::optional<http::Ticket>& ticket, std::unique_ptr<http::Slot>& slot, Next& next);
  void begin_attempt();
  http::RequestHead upstream_head();
  void answer_head();
  Next upstream_failed();
  void answer_own(const base::Error& error);
  void send_own(OwnAnswer answer);
  void client_left();
  void keep_for_log(const http::ResponseHead& head);
  bool client_waits();     // false: it left while nothing of the answer was there
  void finish(base::Reason reason);
  Next go(State state);
  const Compiled& compiled() const { return *generation()->compiled; }
  const ListenerView& listener() const { return *static_cast<const ListenerView*>(generation()->listener_view(stream_.connection->listener->id)); }
  const Route& route() const { return *plan_.route; }
  const BoundUpstream& upstream() const { return generation()->upstreams[route().upstream]; }
  void let_go();  // of the generation: a tunnel may last for hours

  FrontService& service_;
  process::Pin pin_;                 // goes last
  State state_ = State::route;
  Facts facts_;
  RequestView view_;
  Plan plan_;
  http::EffectiveClient client_;
  base::RecycledString request_id_;
  std::optional<http::FileWait> file_wait_;
  std::unique_ptr<CollectedBody> collected_;
  std::optional<http::Ticket> route_ticket_, ticket_;
  std::unique_ptr<http::Slot> route_slot_, slot_;
  std::unique_ptr<http::Lease> lease_;
  http::Relay relay_;
  std::uint32_t attempts_ = 0;
  base::Reason end_;
  std::string tunnel_site_, tunnel_route_;
};

}  // namespace webfront
