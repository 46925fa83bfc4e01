// SPDX-License-Identifier: BSD-2-Clause
#include "config/node.h"

#include <fmt/core.h>

namespace config {

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::none: return "nothing";
    case Kind::boolean: return "true or false";
    case Kind::integer: return "a number";
    case Kind::real: return "a fraction";
    case Kind::string: return "a string";
    case Kind::array: return "a list";
    case Kind::table: return "a table";
  }
  return "";
}

Node::Node() = default;
Node::Node(Kind node_kind) : kind(node_kind) {}
Node::Node(const Node&) = default;
Node::Node(Node&&) noexcept = default;
Node& Node::operator=(const Node&) = default;
Node& Node::operator=(Node&&) noexcept = default;
Node::~Node() = default;

Node Node::of(bool value) {
  Node node(Kind::boolean);
  node.boolean = value;
  return node;
}

Node Node::of(std::int64_t value) {
  Node node(Kind::integer);
  node.integer = value;
  return node;
}

Node Node::of(double value) {
  Node node(Kind::real);
  node.real = value;
  return node;
}

Node Node::of(std::string_view value) {
  Node node(Kind::string);
  node.text = value;
  return node;
}

const Node* Node::find(std::string_view name) const {
  for (const Node& child : children)
    if (child.key == name) return &child;
  return nullptr;
}

Node* Node::find(std::string_view name) {
  for (Node& child : children)
    if (child.key == name) return &child;
  return nullptr;
}

Node& Node::add(std::string name, Node value) {
  value.key = std::move(name);
  children.push_back(std::move(value));
  return children.back();
}

namespace {

bool is_bare(std::string_view key) {
  if (key.empty()) return false;
  for (char c : key)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_')) return false;
  return true;
}

void quote(std::string& out, std::string_view text) {
  out += '"';
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04X}", byte);
    } else {
      out += c;
    }
  }
  out += '"';
}

// A literal string reads better where there are backslashes (regular expressions).
void string_text(std::string& out, std::string_view text) {
  bool literal = text.find('\\') != std::string_view::npos && text.find('\'') == std::string_view::npos;
  for (char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) literal = false;
  if (!literal) return quote(out, text);
  out += '\'';
  out += text;
  out += '\'';
}

std::string real_text(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

void put_inline(std::string& out, const Node& node) {
  switch (node.kind) {
    case Kind::none: return;
    case Kind::boolean: out += node.boolean ? "true" : "false"; return;
    case Kind::integer: out += std::to_string(node.integer); return;
    case Kind::real: out += real_text(node.real); return;
    case Kind::string: string_text(out, node.text); return;
    case Kind::array:
    case Kind::table: break;
  }
  const bool table = node.is(Kind::table);
  bool first = true;
  out += table ? "{" : "[";
  for (const Node& child : node.children) {
    if (child.is(Kind::none)) continue;
    if (!first) out += ", ";
    if (first && table) out += ' ';
    first = false;
    if (table) out += key_text(child.key) + " = ";
    put_inline(out, child);
  }
  if (table && !first) out += ' ';
  out += table ? "}" : "]";
}

bool is_table_list(const Node& node) {
  return node.is(Kind::array) && !node.children.empty() && node.children.front().is(Kind::table);
}

// Plain values first: what follows a header belongs to it.
void put_table(std::string& out, const Node& table, const std::string& path) {
  for (const Node& child : table.children) {
    if (child.is(Kind::none) || child.is(Kind::table) || is_table_list(child)) continue;
    out += key_text(child.key) + " = ";
    put_inline(out, child);
    out += '\n';
  }
  for (const Node& child : table.children) {
    const std::string name = path.empty() ? key_text(child.key) : path + "." + key_text(child.key);
    if (child.is(Kind::table)) {
      out += (out.empty() ? "[" : "\n[") + name + "]\n";
      put_table(out, child, name);
    } else if (is_table_list(child)) {
      for (const Node& item : child.children) {
        out += (out.empty() ? "[[" : "\n[[") + name + "]]\n";
        put_table(out, item, name);
      }
    }
  }
}

}  // namespace

std::string key_text(std::string_view key) {
  if (is_bare(key)) return std::string(key);
  std::string out;
  quote(out, key);
  return out;
}

std::string inline_text(const Node& node) {
  std::string out;
  put_inline(out, node);
  return out;
}

std::string document_text(const Node& root) {
  std::string out;
  put_table(out, root, "");
  return out;
}

}  // namespace config
