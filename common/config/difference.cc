// SPDX-License-Identifier: BSD-2-Clause
#include "config/difference.h"

#include <algorithm>

namespace config {
namespace {

const Node nothing;

const Node& entry(const Node& table, const std::string& name) {
  const Node* found = table.find(name);
  return found ? *found : nothing;
}

// Quotes are kept only where the text could be misread.
std::string plain(const Node& value) {
  if (value.is(Kind::string)) return value.text.find_first_of(" .\"") == std::string::npos ? value.text : inline_text(value);
  if (value.is(Kind::array) && value.children.size() == 1) return plain(value.children.front());
  return inline_text(value);
}

// What an item of a list of tables is known by, whatever its place.
std::string item_key(const Node& item) {
  static constexpr const char* names[] = {"name", "names", "address", "bind", "cert"};
  static constexpr const char* matchers[] = {"path", "prefix", "regex", "if", "match", "backend"};
  for (const char* name : names)
    if (const Node& value = entry(item, name); !value.is(Kind::none)) return plain(value);
  std::string out;
  for (const char* matcher : matchers)
    if (const Node& value = entry(item, matcher); !value.is(Kind::none)) (out += out.empty() ? "" : ",") += plain(value);
  return out.empty() ? "*" : out;
}

class Comparison {
 public:
  explicit Comparison(Difference& out) : out_(out) {}

  // True if nothing differs. `kind`: the key without the names of items.
  bool tables(const TableBase& table, const Node& before, const Node& after, const std::string& key, const std::string& kind) {
    bool same = true;
    for (const RowInfo* row : table.infos()) {
      const Node& a = entry(before, row->name);
      const Node& b = entry(after, row->name);
      const std::string name = key.empty() ? row->name : key + "." + row->name;
      const std::string inner = kind.empty() ? row->name : kind + "." + row->name;
      if (!this->row(*row, a, b, name, inner)) same = false;
    }
    return same;
  }

 private:
  struct Item {
    std::string key;
    const Node* node;
  };

  bool row(const RowInfo& row, const Node& a, const Node& b, const std::string& key, const std::string& kind) {
    const bool lists = row.shape == Shape::table_list || row.shape == Shape::named_tables;
    if (row.child && lists && is_list(a) && is_list(b)) return items(row.child(), a, b, key, kind);
    if (row.child && a.is(Kind::table) && b.is(Kind::table)) return tables(row.child(), a, b, key, kind);
    const std::string before = text(a), after = text(b);
    if (before == after) return true;
    const Change::Kind what = before.empty() ? Change::Kind::added : after.empty() ? Change::Kind::removed : Change::Kind::changed;
    out_.changes.push_back({what, key, row.child ? "" : before, row.child ? "" : after, row.reload});
    return false;
  }

  static bool is_list(const Node& node) { return node.is(Kind::none) || node.is(Kind::array) || node.is(Kind::table); }
  static std::string text(const Node& node) { return node.is(Kind::none) ? std::string() : inline_text(node); }

  static std::vector<Item> list(const Node& node) {
    std::vector<Item> out;
    for (const Node& child : node.children) {
      std::string key = node.is(Kind::table) ? child.key : item_key(child);
      const auto like = [&](const Item& item) { return item.key == key; };
      // Two of the same name: told apart by their order.
      if (const auto n = std::count_if(out.begin(), out.end(), like)) key += "#" + std::to_string(n + 1);
      out.push_back({std::move(key), &child});
    }
    return out;
  }
  static const Item* find(const std::vector<Item>& items, const std::string& key) {
    const auto at = std::find_if(items.begin(), items.end(), [&](const Item& item) { return item.key == key; });
    return at == items.end() ? nullptr : &*at;
  }

  bool items(const TableBase& table, const Node& before, const Node& after, const std::string& key, const std::string& kind) {
    const std::vector<Item> a = list(before), b = list(after);
    bool same = true;
    std::vector<std::string> order_before, order_after;
    for (const Item& item : a) {
      const Item* other = find(b, item.key);
      if (!other) {
        out_.changes.push_back({Change::Kind::removed, key + "." + item.key, {}, {}, Reload::rebuild});
        same = false;
        continue;
      }
      order_before.push_back(item.key);
      if (tables(table, *item.node, *other->node, key + "." + item.key, kind)) ++out_.kept[kind];
      else same = false;
    }
    for (const Item& item : b) {
      if (find(a, item.key)) {
        order_after.push_back(item.key);
        continue;
      }
      out_.changes.push_back({Change::Kind::added, key + "." + item.key, {}, {}, Reload::rebuild});
      same = false;
    }
    if (order_before == order_after) return same;
    out_.changes.push_back({Change::Kind::order, key, {}, {}, Reload::rebuild});
    return false;
  }

  Difference& out_;
};

std::string line(const Change& change) {
  static constexpr const char* words[] = {"added", "removed", "changed", "order changed"};
  std::string out = words[static_cast<std::size_t>(change.kind)];
  out += " " + change.key;
  if (change.kind == Change::Kind::changed && !change.before.empty()) out += ": " + change.before + " -> " + change.after;
  else if (change.kind == Change::Kind::added && !change.after.empty()) out += ": " + change.after;
  else if (change.kind == Change::Kind::removed && !change.before.empty()) out += ": " + change.before;
  if (change.reload == Reload::restart) out += "  (needs a restart; the old value stays till then)";
  return out + "\n";
}

}  // namespace

bool Difference::needs_restart() const {
  return std::any_of(changes.begin(), changes.end(), [](const Change& change) { return change.reload == Reload::restart; });
}

Difference difference(const TableBase& table, const Node& before, const Node& after) {
  Difference out;
  Comparison(out).tables(table, before, after, {}, {});
  return out;
}

std::string difference_text(const Difference& difference) {
  std::string out;
  for (const Change& change : difference.changes) out += line(change);
  if (difference.changes.empty()) out += "nothing changed\n";
  std::string kept;
  for (const auto& [kind, count] : difference.kept) kept += (kept.empty() ? "" : ", ") + std::to_string(count) + " " + kind;
  if (!kept.empty()) out += "kept as they are: " + kept + "\n";
  return out;
}

}  // namespace config
