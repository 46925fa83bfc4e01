// SPDX-License-Identifier: BSD-2-Clause
// The daemon's side of the opener. What the daemon may do itself it does itself; the opener is asked for what is denied, and for every
// TCP listener, so that the group of its sockets belongs to root. Owner: main(). Any thread; one request at a time.
#pragma once

#include <condition_variable>
#include <mutex>

#include "process/opener_process.h"

namespace process {

class OpenedAccess final : public DirectAccess {
 public:
  // `channel`: the daemon's end. `pid`: the opener if it is our child, to be waited for at the end; else -1.
  explicit OpenedAccess(net::Descriptor channel, int pid = -1);
  ~OpenedAccess() override;
  void set_log(std::function<void(const std::string&)> log) override;
  // Another end for another process (an upgrade); empty if the opener is gone.
  net::Descriptor new_channel() override;

  base::Result<std::unique_ptr<net::Listener>> bind(const net::Address& address, std::size_t workers, const net::ListenOptions& options,
                                                    std::string_view name) override;
  std::expected<net::Descriptor, int> open_file(const std::string& path) override;
  std::expected<FileState, int> stat(const std::string& path) override;
  std::expected<net::Descriptor, int> open_log(const std::string& path) override;
  std::vector<std::string> expand(const std::string& pattern) override;

 private:
  // nullopt: the opener is gone.
  std::optional<Opener::Reply> ask(const wire::Writer& request);
  std::optional<Opener::Reply> exchange(std::string_view request);
  std::expected<net::Descriptor, int> ask_for_file(wire::Request kind, const std::string& path);
  void tell(const Opener::Reply& reply, const std::string& what);

  // The turn of one thread: channel_ and pid_ are its own until it ends. No lock is held while the opener is asked.
  class Turn {
   public:
    explicit Turn(OpenedAccess& access);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    OpenedAccess& access_;
  };
  void say(const std::string& text);

  std::mutex mutex_;
  std::condition_variable free_;
  bool taken_ = false;                            // guarded by mutex_, like log_
  std::function<void(const std::string&)> log_;
  net::Descriptor channel_;
  int pid_;
};

}  // namespace process
