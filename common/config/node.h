// SPDX-License-Identifier: BSD-2-Clause
// A configuration as a tree: what the loader makes of TOML, what option tables read from and write to. Tables keep the
// order of the file. Values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/where.h"

namespace config {

enum class Kind : std::uint8_t { none, boolean, integer, real, string, array, table };
// "a string", "a table": for messages.
std::string_view kind_name(Kind kind);

class Node {
 public:
  Node();
  explicit Node(Kind node_kind);
  Node(const Node&);
  Node(Node&&) noexcept;
  Node& operator=(const Node&);
  Node& operator=(Node&&) noexcept;
  ~Node();

  static Node of(bool value);
  static Node of(std::int64_t value);
  static Node of(double value);
  static Node of(std::string_view value);
  static Node of(const char* value) { return of(std::string_view(value)); }

  bool is(Kind wanted) const { return kind == wanted; }
  // Entry of a table, null if absent.
  const Node* find(std::string_view name) const;
  Node* find(std::string_view name);
  // Adds an entry to a table or, with an empty name, an item to an array.
  Node& add(std::string name, Node value);

  Kind kind = Kind::none;
  Where where;              // of the value
  std::string key;          // when it is an entry of a table
  Where key_where;
  bool boolean = false;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;
  bool reopened = false;    // a table of `[[x]]` headers or one that several files may add to
  std::vector<Node> children;
};

// A value as TOML writes it in one line: `"10s"`, `[1, 2]`, `{ a = 1 }`. Nodes of kind none are left out.
std::string inline_text(const Node& node);
// A whole table as a TOML document, with `[a.b]` and `[[a]]` headers.
std::string document_text(const Node& root);
// A key as TOML wants it: bare, or quoted.
std::string key_text(std::string_view key);

}  // namespace config
