// SPDX-License-Identifier: BSD-2-Clause
// One reading of a configuration: its files, its tree, and every problem found in it. Owner: whoever loads. One thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/files.h"
#include "config/node.h"

namespace config {

struct Problem {
  Where where;
  std::string message;
  std::string cure;  // what to write instead; may be empty
  bool warning = false;
  bool syntax = false;
};

class Context {
 public:
  // `environment` resolves `${NAME}`; the process's own by default.
  using Environment = std::function<std::optional<std::string>(const std::string& name)>;
  explicit Context(Environment environment = {});
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  // How files are read from now on: the configuration's own, and those that it names.
  void set_files(Files files) { files_ = std::move(files); }
  // What cannot be read for want of rights is a warning: a test by somebody who has not got them.
  void excuse_rights() { rights_excused_ = true; }

  // An error: the configuration will not be used. `where` may be nowhere.
  void problem(Where where, std::string message, std::string cure = {});
  void warning(Where where, std::string message, std::string cure = {});
  void syntax_problem(Where where, std::string message);
  // A file that the configuration names, as a whole; or the errno, which may be told to unreadable().
  std::expected<std::string, int> read_file(const std::string& path);
  // A problem with `message`; only a warning where the rights of who tests are to blame and do not matter.
  void unreadable(Where where, std::string message, int error);
  // Where the entry `key` of a section stands; the section itself if the key was not given.
  Where at(Where table, std::string_view key) const;

  bool failed() const { return errors_ != 0; }  // any error
  std::size_t count() const { return problems_.size(); }
  bool syntax_failed() const { return syntax_; }
  // In the order of the files.
  std::vector<Problem> problems() const;
  // `file:line:column: message`, the line itself, the cure.
  std::string render(const Problem& problem) const;
  std::string render_all() const;

  // --- for the loader ---
  std::uint32_t add_source(std::string name, std::string text);
  const std::string& source_name(std::uint32_t source) const { return sources_[source].name; }
  std::vector<std::string> expand(const std::string& pattern);
  // The patterns expanded and the files asked for so far, found or not.
  const std::vector<std::string>& patterns() const { return patterns_; }
  const std::vector<std::string>& asked_for() const { return asked_for_; }
  std::optional<std::string> environment(const std::string& name) const;
  Node& root() { return root_; }
  const Node& root() const { return root_; }
  void number_tables();  // after merging: gives every table its serial

 private:
  struct Source {
    std::string name;
    std::string text;
  };
  void number(Node& node);
  std::vector<Source> sources_;
  std::vector<Problem> problems_;
  std::vector<const Node*> tables_;
  Environment environment_;
  Files files_ = own_files();
  bool rights_excused_ = false;
  std::vector<std::string> patterns_;
  std::vector<std::string> asked_for_;
  Node root_{Kind::table};
  std::size_t errors_ = 0;
  bool syntax_ = false;
};

// A section while it is checked: the Context and the section's own table. Problems are named by key.
class Scope {
 public:
  Scope(Context& context, const Node* table) : context_(context), table_(table) {}
  Context& context() const { return context_; }
  bool has(std::string_view key) const { return table_ && table_->find(key); }  // written in the file
  Where at(std::string_view key) const;
  void problem(std::string_view key, std::string message, std::string cure = {}) const {
    context_.problem(at(key), std::move(message), std::move(cure));
  }
  void warning(std::string_view key, std::string message, std::string cure = {}) const {
    context_.warning(at(key), std::move(message), std::move(cure));
  }

 private:
  Context& context_;
  const Node* table_;
};

}  // namespace config
