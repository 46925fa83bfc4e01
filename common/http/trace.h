// SPDX-License-Identifier: BSD-2-Clause
// What a worker remembers of exchanges that ended: a ring of all, and rings of slow and of failed ones, which therefore live longer.
// Memory is taken once; writing copies a record of fixed size and never allocates. Owner: the worker's frame. Worker's thread: others
// ask by its mailbox.
#pragma once

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/reason.h"

namespace http {

class History;
struct Stream;
enum class Protocol : std::uint8_t;

// At most N bytes, cut.
template <std::size_t N>
struct ShortText {
  std::uint16_t size;
  char bytes[N];
  void set(std::string_view text) {
    size = static_cast<std::uint16_t>(text.size() < N ? text.size() : N);
    if (size > 0) std::memcpy(bytes, text.data(), size);  // of nothing, data() may be null
  }
  std::string_view view() const { return {bytes, size}; }
};

// One exchange, whole: what trace prints. Not initialised: rings are written before they are read.
struct TraceRecord {
  static constexpr std::size_t most_states = 12;
  base::WallTime began;              // first byte of the request
  base::Duration total;
  std::uint64_t connection;          // serial; with `request` it names the exchange within the process
  std::uint32_t request;             // number on its connection; 1: the first
  std::uint64_t bytes;               // sent to the client, heads included
  std::uint64_t received;            // of the request's body
  std::uint16_t status;              // sent; 0: none
  Protocol protocol;
  bool tls;
  std::uint8_t states;
  std::uint8_t client_size;
  std::array<const char*, most_states> state_names;
  std::array<std::uint32_t, most_states> state_times;  // microseconds since `began`
  const base::ReasonRow* reason;     // rows live as long as the process
  std::int64_t reason_a, reason_b;
  unsigned char client[28];          // socket address; larger ones (Unix) are not kept
  ShortText<48> subject;             // of the reason
  ShortText<16> method;
  ShortText<80> host;
  ShortText<200> target;
  ShortText<64> id;                  // X-Request-ID or what the daemon made of it; may be empty

  std::string name() const;          // "CONNECTION.REQUEST"
  bool is(std::string_view wanted) const { return id.view() == wanted || name() == wanted; }
  bool failed() const;               // 5xx, or an end that is not an ordinary one
  bool slow() const;
  std::string client_text() const;
  base::WallTime ended() const { return began + total; }
  base::Reason end_reason() const { return {reason, reason_a, reason_b, subject.view()}; }
};

class TraceRings {
 public:
  enum class Which : std::uint8_t { recent, slow, failed };
  static constexpr std::size_t recent_size = 512, kept_size = 128;
  static constexpr base::Duration slow_limit = std::chrono::seconds(1);

  TraceRings();
  // Exchanges that end on the calling thread are recorded there from now on; null: nowhere.
  static void use_on_this_thread(TraceRings* rings);
  static TraceRings* of_this_thread();

  // At an exchange's end. `id`: empty, or what the daemon calls the request.
  void add(const Stream& stream, std::uint32_t request, const History& history, const base::Reason& end, std::string_view id, base::TimePoint now);
  // Newest first, at most `limit`.
  std::vector<TraceRecord> list(Which which, std::size_t limit) const;
  // All with that id, newest first: a proxy may have asked twice under one.
  std::vector<TraceRecord> find(std::string_view id) const;
  std::uint64_t count(Which which) const { return ring(which).written; }  // ever

 private:
  struct Ring {
    explicit Ring(std::size_t length) : size(length), records(std::make_unique_for_overwrite<TraceRecord[]>(length)) {}
    TraceRecord& next() { return records[written++ % size]; }
    std::size_t held() const { return written < size ? static_cast<std::size_t>(written) : size; }
    const TraceRecord& newest(std::size_t i) const { return records[(written - 1 - i) % size]; }
    std::size_t size;
    std::unique_ptr<TraceRecord[]> records;
    std::uint64_t written = 0;
  };
  const Ring& ring(Which which) const { return which == Which::recent ? recent_ : which == Which::slow ? slow_ : failed_; }
  Ring recent_{recent_size}, slow_{kept_size}, failed_{kept_size};
};

}  // namespace http
