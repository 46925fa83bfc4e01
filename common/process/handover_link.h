// SPDX-License-Identifier: BSD-2-Clause
// What two processes of one daemon say to each other while one takes over from the other: datagrams over a pair of sockets, in order,
// with descriptors. Sending never waits: what the socket does not take stays in a queue. Owner: one side of an upgrade; control thread.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "net/descriptor.h"
#include "process/opener_wire.h"

namespace http {
class Admission;
}

namespace process {

// Books by a key that both processes have.
using HandoverBooks = std::vector<std::pair<std::string, std::shared_ptr<http::Admission>>>;

// Two versions of a daemon may be talking: the numbers stay, new ones come at the end.
enum class Handed : std::uint8_t {
  // From the old process, at once:
  hello,      // version of these messages, workers, upgrades that went well, upgrades that failed
  listener,   // kind, key, whether its file is removed with it; with descriptors, more of the same in the next message
  state,      // a piece of the daemon's own state
  opener,     // with a channel to the process that kept root's rights
  offered,    // that was all
  // From the new one:
  failed,     // why
  take,       // everything is open: slots, please
  serving,    // keys of the listeners that were taken: they are the new one's
  // Slots. Old to new:
  lent,       // book, row, count: used by the old one
  all_lent,
  returned,   // book, row, count
  want,       // book, whether a row is named, row, count: so many tickets shall wait
  // New to old:
  lifted,     // book, row: the new one does not have it, the old one may go by its own limit
  granted,    // book, row: one slot more
};

inline constexpr std::int64_t handover_version = 1;

// The beginning of such a message.
wire::Writer handed(Handed what);

class HandoverLink {
 public:
  HandoverLink() = default;
  explicit HandoverLink(net::Descriptor fd);
  int fd() const { return fd_.get(); }
  // Nothing comes and nothing arrives any more.
  bool ended() const { return ended_; }
  void send(const wire::Writer& message, std::span<const int> descriptors = {});
  // More of the queue, as much as the socket takes.
  void flush();
  bool waits() const { return !queue_.empty(); }
  // What has come; nullopt: nothing (yet).
  std::optional<wire::Message> next();
  // The same, waiting for it; nullopt: ended, or nothing came in time.
  std::optional<wire::Message> await(base::Duration limit);
  void close();

 private:
  struct Waiting {
    std::string bytes;
    std::vector<net::Descriptor> descriptors;  // copies: the originals may be closed meanwhile
  };
  net::Descriptor fd_;
  std::deque<Waiting> queue_;
  bool ended_ = true;
};

}  // namespace process
