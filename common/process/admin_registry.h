// SPDX-License-Identifier: BSD-2-Clause
// The commands of the admin socket: words, help, level, handler. Filled at start; run on the control thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "process/sections/admin_options.h"

namespace process {

class LaterReply;

// What a command answers. Lines for people and scripts; a command may also give JSON for those who ask over HTTP.
struct Reply {
  std::string text;
  std::string json;     // a whole JSON value; empty: the text as a list of lines
  bool failed = false;
  void line(std::string_view what) { text.append(what) += '\n'; }
  void error(std::string_view what) { failed = true; line(what); }

  // The command cannot answer yet: it waits for workers or threads. It keeps what this returns, fills in its `reply` and calls
  // finish(). What stood in this Reply is not sent. Whoever asked is told so if there is no answer within `limit`.
  std::shared_ptr<LaterReply> later(base::Duration limit = std::chrono::seconds(60));
  const std::shared_ptr<LaterReply>& pending() const { return later_; }  // null: this is the answer

 private:
  std::shared_ptr<LaterReply> later_;
};

// An answer that comes later. Shared by the command and by whoever asked; either may go first. Control thread; only the pointer may
// travel (and be dropped) elsewhere.
class LaterReply {
 public:
  explicit LaterReply(base::Duration limit) : limit_(limit) {}
  Reply reply;
  void finish();                                  // once; later calls do nothing
  bool done() const { return done_; }

  // For whoever asked:
  base::Duration limit() const { return limit_; }
  void on_done(std::function<void()> wake) { wake_ = std::move(wake); }  // empty: not interested any more
  void give_up();                                 // time is over: answer() says so, what the command says afterwards is dropped
  const Reply& answer() const { return given_up_ ? *given_up_ : reply; }

 private:
  base::Duration limit_;
  bool done_ = false;
  std::unique_ptr<Reply> given_up_;
  std::function<void()> wake_;
};

using AdminArguments = std::span<const std::string>;
using AdminHandler = std::function<void(AdminArguments arguments, Reply& reply)>;

class AdminRegistry {
 public:
  enum class Effect : std::uint8_t { looks, changes };  // HTTP: GET may only look
  // `words`: "show stat". `usage`: arguments for the help, "[{iid|proxy} type sid]". The longest command that fits is run. What needs
  // more than level `user` changes something, if it does not say that it only looks (at what not everybody should see).
  void add(std::string words, std::string usage, std::string help, AdminLevel level, AdminHandler handler);
  void add(std::string words, std::string usage, std::string help, AdminLevel level, Effect effect, AdminHandler handler);
  // One command with its arguments, of at most `level`.
  void run(std::span<const std::string> words, AdminLevel level, Reply& reply) const;
  std::string help() const;
  struct Needs {
    AdminLevel level;
    Effect effect;
  };
  // What the command takes; nullopt: there is no such command.
  std::optional<Needs> needs(std::span<const std::string> words) const;

  // A line's words: separated by white space, "…" and '…' hold together, `\` takes the next character as it is.
  static std::vector<std::string> split(std::string_view line);
  // The line's commands, separated by `;` outside quotes.
  static std::vector<std::string> commands(std::string_view line);
  // Words made one again: the opposite of split.
  static std::string join(std::span<const std::string> words);

 private:
  struct Command {
    std::vector<std::string> words;
    std::string usage, help;
    AdminLevel level;
    Effect effect;
    AdminHandler handler;
  };
  const Command* find(std::span<const std::string> words) const;
  std::vector<Command> commands_;
};

// A JSON string with its quotes.
std::string json_string(std::string_view text);

}  // namespace process
