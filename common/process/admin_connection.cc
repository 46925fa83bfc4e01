// SPDX-License-Identifier: BSD-2-Clause
#include "process/admin_connection.h"

#include "process/control_server.h"

namespace process {
namespace {

using namespace std::chrono_literals;
constexpr std::size_t line_limit = 64 * 1024;
constexpr std::size_t answer_limit = 16 * 1024 * 1024;  // unread answers of an interactive client
constexpr base::Duration line_timeout = 10s;
constexpr base::Duration interactive_timeout = 10min;

bool is_http(std::string_view line) { return line.find(" HTTP/1.") != std::string_view::npos; }

}  // namespace

AdminConnection::AdminConnection(net::EventLoop& loop, ControlServer& owner, std::unique_ptr<net::Transport> transport)
    : Task(loop, owner), owner_(owner), transport_(std::move(transport)) {
  transport_->attach(*this);
  set_deadline_after(line_timeout);
  ring();
}

AdminConnection::~AdminConnection() = default;

bool AdminConnection::take_line(std::string& line) {
  const std::string_view have = in_.empty() ? std::string_view{} : in_.pull_up(in_.size());
  const auto end = have.find('\n');
  if (end == std::string_view::npos) {
    // What stands before the client's FIN is a line, too.
    if (!ended_ || have.empty()) return false;
    line = have;
    in_.clear();
    return true;
  }
  line = have.substr(0, end);
  if (state_ == State::first_line && is_http(line)) return true;
  in_.consume(end + 1);
  if (line.ends_with('\r')) line.pop_back();
  return true;
}

void AdminConnection::run_line(const std::string& line) {
  for (const std::string& command : AdminRegistry::commands(line)) {
    const auto words = AdminRegistry::split(command);
    if (words.empty()) continue;
    if (words[0] == "prompt") {
      interactive_ = !interactive_;
      continue;
    }
    if (words[0] == "quit") {
      state_ = State::flush;
      return;
    }
    Reply reply;
    owner_.commands().run(words, AdminLevel::admin, reply);
    out_.append(reply.text);
    if (!reply.text.empty() && !reply.text.ends_with('\n')) out_.append("\n");
    out_.append("\n");
  }
  if (interactive_) {
    out_.append("> ");
    state_ = State::lines;
    set_deadline_after(interactive_timeout);
  } else {
    state_ = State::flush;
  }
}

bool AdminConnection::write_out() {
  while (!out_.empty()) {
    const net::IoResult result = transport_->write(out_);
    if (result.state == net::IoState::failed) return false;
    if (result.state == net::IoState::blocked) break;
  }
  return true;
}

net::Task::Step AdminConnection::run() {
  if (deadline_passed()) return Step::closed;
  while (!ended_ && in_.size() <= line_limit) {
    const net::IoResult result = transport_->read(in_, line_limit);
    if (result.state == net::IoState::blocked) break;
    if (result.state == net::IoState::failed) return Step::closed;
    if (result.state == net::IoState::eof) ended_ = true;
  }
  std::string line;
  while (state_ != State::flush && out_.size() < answer_limit && take_line(line)) {
    if (state_ == State::first_line && is_http(line)) {
      owner_.continue_as_http(std::move(transport_), std::move(in_));
      return Step::closed;
    }
    run_line(line);
  }
  if (in_.size() > line_limit || (ended_ && in_.empty())) state_ = State::flush;
  if (!write_out()) return Step::closed;
  if (state_ != State::flush || !out_.empty()) return Step::wait;
  transport_->shutdown_write();
  return Step::closed;
}

}  // namespace process
