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

AdminConnection::AdminConnection(net::EventLoop& loop, ControlServer& owner, std::unique_ptr<net::Transport> transport, AdminLevel level)
    : Task(loop, owner), owner_(owner), transport_(std::move(transport)), level_(level) {
  transport_->attach(*this);
  set_deadline_after(line_timeout);
  ring();
}

AdminConnection::~AdminConnection() {
  if (waiting_) waiting_->on_done({});
}

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

void AdminConnection::run_command(const std::string& command) {
  const auto words = AdminRegistry::split(command);
  if (words.empty()) return;
  if (words[0] == "prompt") {
    interactive_ = !interactive_;
  } else if (words[0] == "quit") {
    commands_.clear();
    in_line_ = false;
    state_ = State::flush;
  } else {
    Reply reply;
    owner_.commands().run(words, level_, reply);
    if (!reply.pending()) return put_answer(reply);
    waiting_ = reply.pending();
    waiting_->on_done([this] { ring(); });
    set_deadline_after(waiting_->limit());
  }
}

void AdminConnection::put_answer(const Reply& reply) {
  out_.append(reply.text);
  if (!reply.text.empty() && !reply.text.ends_with('\n')) out_.append("\n");
  out_.append("\n");
}

// False: there is no answer yet, and still time for one.
bool AdminConnection::take_later_answer() {
  if (!waiting_->done()) {
    if (!deadline_passed()) return false;
    waiting_->give_up();
  }
  put_answer(waiting_->answer());
  waiting_->on_done({});
  waiting_.reset();
  set_deadline_after(line_timeout);
  return true;
}

void AdminConnection::end_line() {
  in_line_ = false;
  if (interactive_) {
    out_.append("> ");
    state_ = State::lines;
    set_deadline_after(interactive_timeout);
  } else {
    state_ = State::flush;
  }
}

bool AdminConnection::work() {
  for (std::string line;;) {
    if (waiting_ && !take_later_answer()) return true;
    if (!commands_.empty()) {
      const std::string command = std::move(commands_.front());
      commands_.pop_front();
      run_command(command);
    } else if (in_line_) {
      end_line();
    } else {
      if (state_ == State::flush || out_.size() >= answer_limit || !take_line(line)) return true;
      if (state_ == State::first_line && is_http(line)) return false;
      for (std::string& command : AdminRegistry::commands(line)) commands_.push_back(std::move(command));
      in_line_ = true;
    }
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

bool AdminConnection::receive() {
  while (!ended_ && in_.size() <= line_limit) {
    const net::IoResult result = transport_->read(in_, line_limit);
    if (result.state == net::IoState::blocked) break;
    if (result.state == net::IoState::failed) return false;
    if (result.state == net::IoState::eof) ended_ = true;
  }
  return true;
}

net::Task::Step AdminConnection::run() {
  if (!waiting_ && deadline_passed()) return Step::closed;
  if (!receive()) return Step::closed;
  if (!work()) {
    owner_.continue_as_http(std::move(transport_), std::move(in_), level_);
    return Step::closed;
  }
  if (!waiting_ && (in_.size() > line_limit || (ended_ && in_.empty()))) state_ = State::flush;
  if (!write_out()) return Step::closed;
  if (waiting_ || state_ != State::flush || !out_.empty()) return Step::wait;
  transport_->shutdown_write();
  return Step::closed;
}

}  // namespace process
