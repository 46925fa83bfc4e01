// SPDX-License-Identifier: BSD-2-Clause
// One connection to the admin socket. The first line decides: HTTP goes on to the page server, anything else is a line of
// commands. Without `prompt` one line is answered and the connection closed, as HAProxy does; with it, it stays open till `quit`.
// Each command's answer ends with an empty line. Owner: ControlServer.
#pragma once

#include <memory>

#include "net/task.h"
#include "net/transport.h"

namespace process {

class ControlServer;

class AdminConnection final : public net::Task {
 public:
  AdminConnection(net::EventLoop& loop, ControlServer& owner, std::unique_ptr<net::Transport> transport);
  ~AdminConnection() override;

 protected:
  Step run() override;

 private:
  // In the order in which they happen.
  enum class State : std::uint8_t { first_line, lines, flush };

  bool take_line(std::string& line);
  void run_line(const std::string& line);
  bool write_out();

  ControlServer& owner_;
  std::unique_ptr<net::Transport> transport_;
  State state_ = State::first_line;
  bool interactive_ = false;
  bool ended_ = false;  // the client finished sending
  net::Buffer in_, out_;
};

}  // namespace process
