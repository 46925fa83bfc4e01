// SPDX-License-Identifier: BSD-2-Clause
#include "http/trace.h"

#include <algorithm>
#include <limits>

#include "http/engine_reasons.h"
#include "http/exchange.h"

namespace http {
namespace {

thread_local TraceRings* rings_of_thread = nullptr;

std::uint32_t microseconds(base::Duration time) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(us, 0, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

std::string TraceRecord::name() const { return std::to_string(connection) + "." + std::to_string(request); }

// A row of status 200 is an ordinary end, one of 0 something that broke what had begun. Refusals (4xx) are answers like others, but for
// those that say that somebody left or was too slow.
bool TraceRecord::failed() const {
  if (status >= 500) return true;
  if (reason == &reasons::finished || status == 101) return false;
  return reason->status == 0 || reason->status == 408 || reason->status >= 499;
}

// Tunnels are long by nature.
bool TraceRecord::slow() const { return total >= TraceRings::slow_limit && status != 101; }

std::string TraceRecord::client_text() const {
  if (client_size == 0) return "unix:";
  sockaddr_storage address{};
  std::memcpy(&address, client, client_size);
  return net::Address::from(reinterpret_cast<const sockaddr*>(&address), client_size).text();
}

TraceRings::TraceRings() = default;

void TraceRings::use_on_this_thread(TraceRings* rings) { rings_of_thread = rings; }
TraceRings* TraceRings::of_this_thread() { return rings_of_thread; }

void TraceRings::add(const Stream& stream, std::uint32_t request, const History& history, const base::Reason& end, std::string_view id,
                     base::TimePoint now) {
  TraceRecord& r = recent_.next();
  r.began = stream.began_wall;
  r.total = now - stream.began;
  r.connection = stream.connection->serial;
  r.request = request;
  r.bytes = stream.sink->total_bytes();
  r.received = stream.body->received();
  r.status = static_cast<std::uint16_t>(stream.sink->status());
  r.protocol = stream.protocol;
  r.tls = stream.connection->peer->tls;
  r.states = 0;
  for (const History::Entry& entry : history.entries()) {
    r.state_names[r.states] = entry.state;
    r.state_times[r.states++] = microseconds(entry.when - stream.began);
  }
  r.reason = end.row;
  r.reason_a = end.a;
  r.reason_b = end.b;
  r.subject.set(end.subject);
  const net::Address& client = stream.connection->peer->remote;
  r.client_size = client.length() <= sizeof r.client && !client.is_unix() ? static_cast<std::uint8_t>(client.length()) : 0;
  std::memcpy(r.client, client.get(), r.client_size);
  r.method.set(stream.head.method_name());
  r.host.set(stream.head.host());
  r.target.set(stream.head.target());
  r.id.set(id.empty() ? stream.head.get(Token::x_request_id).value_or(std::string_view{}) : id);
  if (r.slow()) slow_.next() = r;
  if (r.failed()) failed_.next() = r;
}

std::vector<TraceRecord> TraceRings::list(Which which, std::size_t limit) const {
  const Ring& from = ring(which);
  std::vector<TraceRecord> out;
  for (std::size_t i = 0; i < from.held() && i < limit; ++i) out.push_back(from.newest(i));
  return out;
}

std::vector<TraceRecord> TraceRings::find(std::string_view id) const {
  std::vector<TraceRecord> out;
  for (const Ring* from : {&recent_, &slow_, &failed_})
    for (std::size_t i = 0; i < from->held(); ++i) {
      const TraceRecord& record = from->newest(i);
      const auto same = [&](const TraceRecord& other) { return other.connection == record.connection && other.request == record.request; };
      if (record.is(id) && std::none_of(out.begin(), out.end(), same)) out.push_back(record);
    }
  std::sort(out.begin(), out.end(), [](const TraceRecord& a, const TraceRecord& b) { return a.ended() > b.ended(); });
  return out;
}

}  // namespace http
