// SPDX-License-Identifier: BSD-2-Clause
#include "config/toml_reader.h"

#include <toml++/toml.h>

#include <algorithm>
#include <tuple>

namespace config {
namespace {

Where where_of(std::uint32_t source, const toml::source_region& region) {
  return {source, region.begin.line, region.begin.column, 0};
}

class Converter {
 public:
  Converter(Context& context, std::uint32_t source) : context_(context), source_(source) {}

  Node convert(const toml::node& from) {
    Node node;
    node.where = where_of(source_, from.source());
    if (const auto* table = from.as_table()) convert_table(*table, node);
    else if (const auto* array = from.as_array()) convert_array(*array, node);
    else convert_value(from, node);
    return node;
  }

 private:
  void convert_table(const toml::table& from, Node& node) {
    node.kind = Kind::table;
    node.reopened = !from.is_inline();
    for (const auto& [key, value] : from) {
      Node child = convert(value);
      child.key = std::string(key.str());
      child.key_where = where_of(source_, key.source());
      node.children.push_back(std::move(child));
    }
    // toml++ sorts by name; the file's order means something to us.
    std::sort(node.children.begin(), node.children.end(), [](const Node& a, const Node& b) {
      return std::tie(a.key_where.line, a.key_where.column) < std::tie(b.key_where.line, b.key_where.column);
    });
  }
  void convert_array(const toml::array& from, Node& node) {
    node.kind = Kind::array;
    for (const toml::node& item : from) node.children.push_back(convert(item));
    node.reopened = !node.children.empty() && node.children.front().reopened;
  }
  void convert_value(const toml::node& from, Node& node) {
    if (const auto* text = from.as_string()) {
      node.kind = Kind::string;
      node.text = expand(text->get(), node.where);
    } else if (const auto* integer = from.as_integer()) {
      node.kind = Kind::integer;
      node.integer = integer->get();
    } else if (const auto* real = from.as_floating_point()) {
      node.kind = Kind::real;
      node.real = real->get();
    } else if (const auto* boolean = from.as_boolean()) {
      node.kind = Kind::boolean;
      node.boolean = boolean->get();
    } else {
      context_.problem(node.where, "dates and times are not used here", "write a string");
    }
  }
  // `${NAME}` in capitals is the environment's; `$name` and `${name}` are variables of requests and stay.
  std::string expand(const std::string& text, Where where) {
    std::string out;
    std::size_t from = 0;
    for (;;) {
      const std::size_t at = text.find("${", from);
      const std::size_t end = at == std::string::npos ? at : text.find('}', at);
      if (end == std::string::npos) return out + text.substr(from);
      const std::string name = text.substr(at + 2, end - at - 2);
      out += text.substr(from, at - from);
      from = end + 1;
      const bool ours = !name.empty() && !(name[0] >= '0' && name[0] <= '9') &&
                        name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == std::string::npos;
      if (!ours) {
        out += text.substr(at, end + 1 - at);
        continue;
      }
      if (const auto value = context_.environment(name)) out += *value;
      else context_.problem(where, "the environment has no variable \"" + name + "\"", "set it before the start, or write the value itself");
    }
  }

  Context& context_;
  std::uint32_t source_;
};

}  // namespace

std::optional<Node> parse_toml(Context& context, std::uint32_t source, const std::string& text) {
  try {
    const toml::table table = toml::parse(text);
    Node root = Converter(context, source).convert(table);
    root.where = {source, 1, 1, 0};
    return root;
  } catch (const toml::parse_error& error) {
    context.syntax_problem(where_of(source, error.source()), std::string(error.description()));
  } catch (const std::exception& error) {
    context.syntax_problem({source, 1, 1, 0}, error.what());
  }
  return std::nullopt;
}

}  // namespace config
