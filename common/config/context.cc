// SPDX-License-Identifier: BSD-2-Clause
#include "config/context.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <tuple>

namespace config {

Context::Context(Environment environment) : environment_(std::move(environment)) {}

void Context::problem(Where where, std::string message, std::string cure) {
  problems_.push_back({where, std::move(message), std::move(cure), false, false});
  ++errors_;
}

void Context::warning(Where where, std::string message, std::string cure) {
  problems_.push_back({where, std::move(message), std::move(cure), true, false});
}

void Context::syntax_problem(Where where, std::string message) {
  problems_.push_back({where, std::move(message), {}, false, true});
  ++errors_;
  syntax_ = true;
}

std::expected<std::string, int> Context::read_file(const std::string& path) {
  asked_for_.push_back(path);
  return files_.read(path);
}

void Context::unreadable(Where where, std::string message, int error) {
  if (error != EACCES && error != EPERM) return problem(where, std::move(message));
  if (rights_excused_) return warning(where, "cannot be checked without root: " + message);
  problem(where, std::move(message), "the account that the process runs as needs the right to read it; started as root with `user = …`, a process reads such files with root's rights");
}

std::vector<std::string> Context::expand(const std::string& pattern) {
  patterns_.push_back(pattern);
  return files_.expand(pattern);
}

Where Context::at(Where table, std::string_view key) const {
  if (table.table == 0 || table.table > tables_.size()) return table;
  const Node* entry = tables_[table.table - 1]->find(key);
  if (!entry) return table;
  return entry->where ? entry->where : entry->key_where;
}

std::vector<Problem> Context::problems() const {
  // Not stable_sort: clang warns of what libstdc++'s is made of.
  std::vector<std::size_t> order(problems_.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
    const Where& x = problems_[a].where;
    const Where& y = problems_[b].where;
    return std::tie(x.source, x.line, x.column, a) < std::tie(y.source, y.line, y.column, b);
  });
  std::vector<Problem> sorted;
  for (const std::size_t i : order) sorted.push_back(problems_[i]);
  return sorted;
}

namespace {

std::string_view line_of(std::string_view text, std::uint32_t line) {
  for (std::uint32_t n = 1; n < line; ++n) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  return text;
}

}  // namespace

std::string Context::render(const Problem& problem) const {
  std::string out;
  const Where& at = problem.where;
  const bool known = at.source < sources_.size();
  if (known) out += sources_[at.source].name + ":";
  if (at) out += std::to_string(at.line) + ":" + std::to_string(at.column) + ":";
  if (!out.empty()) out += ' ';
  out += (problem.warning ? "warning: " : "") + problem.message + "\n";
  if (known && at) {
    const std::string_view line = line_of(sources_[at.source].text, at.line);
    out += "    " + std::string(line) + "\n";
  }
  if (!problem.cure.empty()) out += "    " + problem.cure + "\n";
  return out;
}

std::string Context::render_all() const {
  std::string out;
  for (const Problem& problem : problems()) out += render(problem);
  return out;
}

std::uint32_t Context::add_source(std::string name, std::string text) {
  sources_.push_back({std::move(name), std::move(text)});
  return static_cast<std::uint32_t>(sources_.size() - 1);
}

std::optional<std::string> Context::environment(const std::string& name) const {
  if (environment_) return environment_(name);
  const char* value = std::getenv(name.c_str());
  if (!value) return std::nullopt;
  return std::string(value);
}

void Context::number_tables() {
  tables_.clear();
  number(root_);
}

void Context::number(Node& node) {
  if (node.is(Kind::table)) {
    tables_.push_back(&node);
    node.where.table = static_cast<std::uint32_t>(tables_.size());
  }
  for (Node& child : node.children) number(child);
}

Where Scope::at(std::string_view key) const {
  if (!table_) return {};
  const Node* entry = table_->find(key);
  if (!entry) return table_->where;
  return entry->where ? entry->where : entry->key_where;
}

}  // namespace config
