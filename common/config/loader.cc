// SPDX-License-Identifier: BSD-2-Clause
#include "config/loader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "config/toml_reader.h"

namespace config {
namespace {

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

class Loader {
 public:
  explicit Loader(Context& context) : context_(context) {}

  // `from`: the place that names the file, nowhere for the command line.
  void load(const std::string& path, Where from) {
    auto text = context_.read_file(path);
    if (!text && text.error() == EISDIR) {
      const auto files = context_.expand(path + "/*.toml");
      if (files.empty()) context_.problem(from, "no *.toml in the directory " + path);
      for (const std::string& file : files) load(file, from);
      return;
    }
    if (std::find(seen_.begin(), seen_.end(), path) != seen_.end()) return context_.problem(from, path + " is read twice", "name it once");
    seen_.push_back(path);
    if (!text) return context_.problem(from, "cannot read " + path + ": " + std::strerror(text.error()));
    load_source(path, std::move(*text));
  }

  void load_source(const std::string& name, std::string text) {
    const std::uint32_t source = context_.add_source(name, text);
    std::optional<Node> tree = parse_toml(context_, source, text);
    if (!tree) return;
    std::vector<std::pair<std::string, Where>> includes;
    take_includes(*tree, includes);
    if (!context_.root().where) context_.root().where = tree->where;
    merge(context_.root(), std::move(*tree));
    for (const auto& [pattern, where] : includes) include(name, pattern, where);
  }

 private:
  void take_includes(Node& tree, std::vector<std::pair<std::string, Where>>& out) {
    const Node* entry = tree.find("include");
    if (!entry) return;
    if (depth_ != 0) {
      context_.problem(entry->key_where, "an included file cannot include others", "name them in the main file");
    } else if (entry->is(Kind::string)) {
      out.emplace_back(entry->text, entry->where);
    } else if (entry->is(Kind::array)) {
      for (const Node& item : entry->children) {
        if (item.is(Kind::string)) out.emplace_back(item.text, item.where);
        else context_.problem(item.where, "\"include\" is a list of file names or patterns");
      }
    } else {
      context_.problem(entry->where, "\"include\" is a list of file names or patterns");
    }
    std::erase_if(tree.children, [](const Node& child) { return child.key == "include"; });
  }
  void include(const std::string& from, const std::string& pattern, Where where) {
    const std::string full = pattern.starts_with('/') ? pattern : directory_of(from) + pattern;
    const bool is_pattern = full.find_first_of("*?[") != std::string::npos;
    ++depth_;
    if (!is_pattern) load(full, where);
    else
      for (const std::string& file : context_.expand(full)) load(file, where);
    --depth_;
  }
  void merge(Node& into, Node&& from) {
    for (Node& child : from.children) {
      Node* old = into.find(child.key);
      if (!old) {
        into.children.push_back(std::move(child));
      } else if (old->is(Kind::table) && child.is(Kind::table) && old->reopened && child.reopened) {
        merge(*old, std::move(child));
      } else if (old->is(Kind::array) && child.is(Kind::array) && old->reopened && child.reopened) {
        for (Node& item : child.children) old->children.push_back(std::move(item));
      } else {
        context_.problem(child.key_where, "\"" + child.key + "\" was already set in " + context_.source_name(old->key_where.source) + ":" +
                                              std::to_string(old->key_where.line),
                         "set it in one place");
      }
    }
  }

  Context& context_;
  std::vector<std::string> seen_;
  int depth_ = 0;
};

}  // namespace

bool load_files(Context& context, std::span<const std::string> paths) {
  Loader loader(context);
  for (const std::string& path : paths) loader.load(path, {});
  context.number_tables();
  return !context.failed();
}

bool load_text(Context& context, const std::string& name, const std::string& text) {
  Loader loader(context);
  loader.load_source(name, text);
  context.number_tables();
  return !context.failed();
}

}  // namespace config
