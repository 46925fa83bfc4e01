// SPDX-License-Identifier: BSD-2-Clause
// One connection to the admin socket. The first line decides: HTTP goes on to the page server, anything else is a line of
// commands. Without `prompt` one line is answered and the connection closed, as HAProxy does; with it, it stays open till `quit`.
// Each command's answer ends with an empty line; one that comes later is waited for before the next command runs. Owner: ControlServer.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "net/task.h"
#include "net/transport.h"
#include "process/admin_registry.h"

namespace process {

class ControlServer;

class AdminConnection final : public net::Task {
 public:
  AdminConnection(net::EventLoop& loop, ControlServer& owner, std::unique_ptr<net::Transport> transport, AdminLevel level);
  ~AdminConnection() override;

 protected:
  Step run() override;

 private:
  // In the order in which they happen.
  enum class State : std::uint8_t { first_line, lines, flush };

  bool receive();
  // False: HTTP from here on.
  bool work();
  bool take_line(std::string& line);
  void run_command(const std::string& command);
  void put_answer(const Reply& reply);
  bool take_later_answer();
  void end_line();
  bool write_out();

  ControlServer& owner_;
  std::unique_ptr<net::Transport> transport_;
  AdminLevel level_;
  State state_ = State::first_line;
  bool interactive_ = false;
  bool ended_ = false;  // the client finished sending
  net::Buffer in_, out_;
  std::deque<std::string> commands_;      // of the line, still to run
  bool in_line_ = false;
  std::shared_ptr<LaterReply> waiting_;   // for this command's answer
};

}  // namespace process
