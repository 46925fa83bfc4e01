// SPDX-License-Identifier: BSD-2-Clause
// The commands of the admin socket: words, help, level, handler. Filled at start; run on the control thread.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace process {

enum class AdminLevel : std::uint8_t { user, operation, admin };  // reads | changes what serves | ends the process

// What a command answers. Lines for people and scripts; a command may also give JSON for those who ask over HTTP.
struct Reply {
  std::string text;
  std::string json;     // a whole JSON value; empty: the text as a list of lines
  bool failed = false;
  void line(std::string_view what) { text.append(what) += '\n'; }
  void error(std::string_view what) { failed = true; line(what); }
};

using AdminArguments = std::span<const std::string>;
using AdminHandler = std::function<void(AdminArguments arguments, Reply& reply)>;

class AdminRegistry {
 public:
  // `words`: "show stat". `usage`: arguments for the help, "[{iid|proxy} type sid]". The longest command that fits is run.
  void add(std::string words, std::string usage, std::string help, AdminLevel level, AdminHandler handler);
  // One command with its arguments, of at most `level`.
  void run(std::span<const std::string> words, AdminLevel level, Reply& reply) const;
  std::string help() const;
  bool knows(std::span<const std::string> words) const { return find(words) != nullptr; }

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
    AdminHandler handler;
  };
  const Command* find(std::span<const std::string> words) const;
  std::vector<Command> commands_;
};

// A JSON string with its quotes.
std::string json_string(std::string_view text);

}  // namespace process
