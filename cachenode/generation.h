// SPDX-License-Identifier: BSD-2-Clause
// A configuration as cachenode serves by it: what was compiled, bound to the origin, which is known by its name, and to its endpoint,
// kept while it is reached in the same way. The store is none of a generation's: it stays whatever changes, and so does what it
// holds. Compiled and Generation are immutable once workers have them; Origin has its lock and an atomic; State: control thread.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cachenode/options.h"
#include "http/access_log.h"
#include "http/admission.h"
#include "http/upstream_pool.h"
#include "process/generation.h"

namespace process {
class Runtime;
}

namespace cachenode {

// A listener as exchanges see it (Generation::listener_view).
struct Listener {
  std::shared_ptr<const net::NetworkList> trusted;
};

// All that the options say, without any state.
struct Compiled {
  Policy policy;
  HeadersSection headers;
  bool append_xff = false;
  std::shared_ptr<const net::NetworkList> purge_allow;
  base::Duration settle{};
  std::vector<std::shared_ptr<const Listener>> listeners;  // one for each [[listen]]
  std::shared_ptr<const http::AccessFormat> format;        // null: no access log
  std::string origin;                                      // its name
  std::string origin_address;                              // as written
  std::shared_ptr<const http::Endpoint> endpoint;          // as it is asked if no equal one serves already
  std::uint32_t max_connections = 0;
  std::uint32_t max_waiting = 0;
  base::Duration queue_timeout{};
  std::optional<ProbeSection> probe;
};

// The options were checked.
std::shared_ptr<const Compiled> compile(const Options& options, std::shared_ptr<const http::AccessFormat> format, const std::string& default_via);

// Where answers come from, across configurations. `sick` is written by the probe, read by everybody: it decides staleness only.
struct Origin {
  Origin(const std::string& origin_name, std::uint32_t max_connections, std::uint32_t max_waiting) : book(origin_name, max_connections, max_waiting) {}
  const std::string& name() const { return book.name(); }
  http::Admission book;
  std::atomic<bool> sick{false};
};

struct Generation final : process::Generation {
  std::shared_ptr<const Compiled> compiled;
  std::shared_ptr<Origin> origin;
  std::shared_ptr<const http::Endpoint> endpoint;
  std::shared_ptr<const http::Endpoint> gone;  // what the generation before asked instead; null: the same
};

// What outlives generations. It holds nothing: an origin that no generation and no exchange holds any more is gone.
class State {
 public:
  // `previous`: the generation that serves, null at the start. Nothing that serves is touched.
  std::unique_ptr<Generation> bind(std::shared_ptr<const Compiled> compiled, const Generation* previous);
  static void commit(const Generation& next, base::TimePoint now);
  static void settle(const Generation& next, const Generation& before, process::Runtime& runtime);

 private:
  std::map<std::string, std::weak_ptr<Origin>> origins_;
};

}  // namespace cachenode
