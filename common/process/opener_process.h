// SPDX-License-Identifier: BSD-2-Clause
// The opener: a process of its own that keeps what the daemon needs of root's rights, forked before the daemon drops them. One thread,
// blocking; it speaks only over the pair of sockets that it was born with, and ends when nobody holds the other end any more, however
// that came about. It opens nothing but what the configuration names, which it reads itself, and of that nothing that the daemon's
// account could have put in the way: who has taken over the daemon gains the keys that the daemon has anyway, but no other file.
//
// Of root's capabilities it keeps
//   CAP_NET_BIND_SERVICE  ports below 1024
//   CAP_DAC_READ_SEARCH   keys and configuration that belong to others (a certificate client's account, say) or stand in closed folders
//   CAP_DAC_OVERRIDE      logs that belong to the daemon's account, or to others, in folders that only root can search
//   CAP_CHOWN             a new log or Unix socket becomes the daemon's account's
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/descriptor.h"
#include "process/opener.h"
#include "process/opener_names.h"
#include "process/opener_wire.h"
#include "process/privileges.h"

namespace process {

// Reads the configuration anew.
using Naming = std::function<Named()>;

// Decides and opens. Apart from the process, for tests.
class Opener {
 public:
  Opener(User account, Naming naming) : account_(std::move(account)), naming_(std::move(naming)) {}

  struct Reply {
    wire::Answer answer = wire::Answer::done;
    int system = 0;
    std::string text;                        // refused: the reason; expand: names, each with a zero after it
    FileState state;
    std::vector<net::Descriptor> descriptors;
  };
  Reply handle(std::string_view request);

 private:
  // All that the configuration names now. What a configuration with problems does not tell is taken from the last good one.
  void refresh(bool force);
  bool current() const;
  template <class Has>
  bool names(Has&& has);
  Reply bind(wire::Reader& in);
  Reply open(const std::string& path);
  Reply stat(const std::string& path);
  Reply log(const std::string& path);
  Reply expand(const std::string& pattern);
  Reply refused(const std::string& what) const;

  const User account_;
  const Naming naming_;
  Named named_;
  bool known_ = false;
  std::vector<std::expected<FileState, int>> sources_;  // as they were when read
};

struct OpenerStart {
  std::string name;          // of the daemon
  User account;              // that the daemon will be
  Naming naming;             // called in the opener's process
};
// Forks the opener; there must be no other thread yet. The daemon's end of the channel, or what went wrong. `pid` is set.
std::expected<net::Descriptor, std::string> fork_opener(const OpenerStart& start, int& pid);

}  // namespace process
