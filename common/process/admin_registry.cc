// SPDX-License-Identifier: BSD-2-Clause
#include "process/admin_registry.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "config/units.h"

namespace process {

std::shared_ptr<LaterReply> Reply::later(base::Duration limit) {
  if (!later_) later_ = std::make_shared<LaterReply>(limit);
  return later_;
}

void LaterReply::finish() {
  if (std::exchange(done_, true)) return;
  if (wake_) wake_();
}

void LaterReply::give_up() {
  if (done_) return;
  done_ = true;
  given_up_ = std::make_unique<Reply>();
  given_up_->error("no answer within " + config::duration_text(limit_) + "; the command may still be at work");
}

void AdminRegistry::add(std::string words, std::string usage, std::string help, AdminLevel level, AdminHandler handler) {
  add(std::move(words), std::move(usage), std::move(help), level, level == AdminLevel::user ? Effect::looks : Effect::changes, std::move(handler));
}

void AdminRegistry::add(std::string words, std::string usage, std::string help, AdminLevel level, Effect effect, AdminHandler handler) {
  commands_.push_back({split(words), std::move(usage), std::move(help), level, effect, std::move(handler)});
}

std::optional<AdminRegistry::Needs> AdminRegistry::needs(std::span<const std::string> words) const {
  const Command* command = find(words);
  return command ? std::optional(Needs{command->level, command->effect}) : std::nullopt;
}

const AdminRegistry::Command* AdminRegistry::find(std::span<const std::string> words) const {
  const Command* best = nullptr;
  for (const Command& command : commands_) {
    if (command.words.size() > words.size() || !std::equal(command.words.begin(), command.words.end(), words.begin())) continue;
    if (!best || command.words.size() > best->words.size()) best = &command;
  }
  return best;
}

void AdminRegistry::run(std::span<const std::string> words, AdminLevel level, Reply& reply) const {
  if (words.empty()) return;
  const Command* command = find(words);
  if (!command) {
    reply.error("Unknown command: " + join(words) + ". `help` lists what there is.");
  } else if (command->level > level) {
    reply.error("Permission denied");
  } else {
    command->handler(words.subspan(command->words.size()), reply);
  }
}

std::string AdminRegistry::help() const {
  std::vector<std::string> lines;
  for (const Command& command : commands_) {
    std::string words = join(command.words);
    if (!command.usage.empty()) words += " " + command.usage;
    lines.push_back(fmt::format("  {:<44} {}\n", words, command.help));
  }
  std::sort(lines.begin(), lines.end());
  std::string out;
  for (const std::string& line : lines) out += line;
  return out;
}

std::vector<std::string> AdminRegistry::split(std::string_view line) {
  std::vector<std::string> out;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '\\' && quote != '\'' && i + 1 < line.size()) {
      word += line[++i];
      in_word = true;
    } else if (quote ? c == quote : c == '"' || c == '\'') {
      quote = quote ? '\0' : c;
      in_word = true;
    } else if (!quote && (c == ' ' || c == '\t' || c == '\r' || c == '\n')) {
      if (in_word) out.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (in_word) out.push_back(std::move(word));
  return out;
}

std::vector<std::string> AdminRegistry::commands(std::string_view line) {
  std::vector<std::string> out(1);
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '\\' && quote != '\'' && i + 1 < line.size()) {
      out.back() += c;
      out.back() += line[++i];
      continue;
    }
    if (quote ? c == quote : c == '"' || c == '\'') quote = quote ? '\0' : c;
    if (c == ';' && !quote) out.emplace_back();
    else out.back() += c;
  }
  return out;
}

std::string AdminRegistry::join(std::span<const std::string> words) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += ' ';
    const bool plain = !word.empty() && word.find_first_of(" \t\r\n\"'\\;") == std::string::npos;
    if (plain) {
      out += word;
      continue;
    }
    out += '"';
    for (char c : word) {
      if (c == '"' || c == '\\') out += '\\';
      out += c == '\n' || c == '\r' ? ' ' : c;
    }
    out += '"';
  }
  return out;
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace process
