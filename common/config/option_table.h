// SPDX-License-Identifier: BSD-2-Clause
// Option tables: one row an option gives its parsing, type, bounds, default, documentation and reload class. A table belongs to
// one section's struct; the struct's initialisers are the defaults. Tables are constant and made when first used; any thread.
// See README.md for an example.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/values.h"

namespace config {

// What a changed value needs: nothing but the new number, a rebuilt section, or a restart.
enum class Reload : std::uint8_t { live, rebuild, restart };

enum class Shape : std::uint8_t { value, table, table_list, named_tables };

// A row as the reference shows it.
struct RowInfo {
  std::string name;
  std::string doc;
  std::string type;
  std::string bounds;                   // "1s to 1h", empty if none
  std::string example;
  bool required = false;
  Reload reload = Reload::rebuild;
  Shape shape = Shape::value;
  const TableBase& (*child)() = nullptr;  // the section inside
  std::function<std::string()> default_text;  // as TOML; empty: none
};

class TableBase {
 public:
  virtual ~TableBase() = default;
  const std::string& doc() const { return doc_; }
  virtual std::vector<const RowInfo*> infos() const = 0;
  std::vector<std::string> names() const;

 protected:
  explicit TableBase(std::string doc) : doc_(std::move(doc)) {}
  // Reports every key that no row has.
  void report_unknown(Context& context, const Node& table) const;

 private:
  std::string doc_;
};

template <class S>
struct Row {
  RowInfo info;
  std::function<void(Context&, const Node* value, const Node& table, S&)> read;
  std::function<Node(const S&)> write;
};

// What a table is made of: one row, or those of an embedded struct.
template <class S>
struct Rows {
  std::vector<Row<S>> rows;
};

template <class S, class T>
class Option {
 public:
  using InnerType = typename detail::Inner<T>::type;
  static constexpr bool ordered = std::is_arithmetic_v<InnerType> || std::same_as<InnerType, base::Duration> || std::same_as<InnerType, Size>;

  Option(std::string name, T S::* member, std::string doc) : member_(member) {
    info_.name = std::move(name);
    info_.doc = std::move(doc);
    info_.type = Value<T>::type();
    describe_shape();
  }

  // Bounds of the value, or of each value of a list.
  Option& min(InnerType low) { low_ = std::move(low); return *this; }
  Option& max(InnerType high) { high_ = std::move(high); return *this; }
  Option& range(InnerType low, InnerType high) { return min(std::move(low)).max(std::move(high)); }
  // A further condition: returns what is wrong, or an empty string.
  Option& check(std::function<std::string(const InnerType&)> check) { check_ = std::move(check); return *this; }
  Option& required() { info_.required = true; return *this; }
  Option& not_empty() { not_empty_ = true; return *this; }   // string or list
  // For optionals: this word stands for "not set" (`workers = "auto"`).
  Option& or_word(std::string word) { word_ = std::move(word); info_.type += " or \"" + word_ + "\""; return *this; }
  // For optionals: false stands for "not set", true for the defaults (`check = false`).
  Option& or_false() { or_false_ = true; info_.type += " or false"; return *this; }
  Option& live() { info_.reload = Reload::live; return *this; }
  Option& restart() { info_.reload = Reload::restart; return *this; }
  Option& example(std::string text) { info_.example = std::move(text); return *this; }
  // What the reference says where the initialiser does not say it ("the scheme's port").
  Option& default_text(std::string text) { default_text_ = std::move(text); return *this; }

  operator Rows<S>() const {
    Row<S> row;
    row.info = info_;
    row.info.bounds = bounds();
    row.info.default_text = [self = *this] { return self.default_value(); };
    row.read = [self = *this](Context& context, const Node* value, const Node& table, S& out) { self.read(context, value, table, out); };
    row.write = [self = *this](const S& section) { return self.write(section.*self.member_); };
    return {{std::move(row)}};
  }

 private:
  void describe_shape() {
    if constexpr (detail::SectionIn<T>::found) {
      info_.child = [] () -> const TableBase& { return table_of<typename detail::SectionIn<T>::type>(); };
      info_.shape = Shape::table;
      if constexpr (requires { typename T::value_type; }) {
        if constexpr (detail::IsNamed<T>::value) info_.shape = Shape::named_tables;
        else if constexpr (!detail::IsOptional<T>::value) info_.shape = Shape::table_list;
      }
    }
  }
  std::string bounds() const {
    std::string out;
    if constexpr (ordered) {
      if (low_ && high_) out = inline_text(Value<InnerType>::write(*low_)) + " to " + inline_text(Value<InnerType>::write(*high_));
      else if (low_) out = "at least " + inline_text(Value<InnerType>::write(*low_));
      else if (high_) out = "at most " + inline_text(Value<InnerType>::write(*high_));
    }
    return out;
  }
  std::string default_value() const {
    if (!default_text_.empty()) return default_text_;
    if (info_.required) return {};
    return inline_text(write(S{}.*member_));
  }
  Node write(const T& value) const {
    if constexpr (detail::IsOptional<T>::value) {
      if (!value && !word_.empty()) return Node::of(std::string_view(word_));
      if (!value && or_false_) return Node::of(false);
    }
    // Nothing where nothing is the default: it would only read as if somebody had set it.
    if constexpr (requires { value.empty(); }) {
      if (value.empty() && (S{}.*member_).empty()) return Node();
    }
    return Value<T>::write(value);
  }
  void read(Context& context, const Node* node, const Node& table, S& out) const {
    if (!node) {
      if (info_.required)
        context.problem(table.where, "\"" + info_.name + "\" is missing", "add " + info_.name + " = " + (info_.example.empty() ? info_.type : info_.example));
      return;
    }
    T& value = out.*member_;
    if constexpr (detail::IsOptional<T>::value) {
      if (!word_.empty() && node->is(Kind::string) && node->text == word_) {
        value.reset();
        return;
      }
      if (or_false_ && node->is(Kind::boolean)) {
        if (!node->boolean) value.reset();
        else if (!value) value.emplace();
        return;
      }
    }
    const std::size_t before = context.count();
    Value<T>::read(context, *node, value);
    if (context.count() == before) check_value(context, *node, value);
  }
  void check_value(Context& context, const Node& node, const T& value) const {
    if constexpr (requires { value.empty(); }) {
      if (not_empty_ && value.empty()) context.problem(node.where, "\"" + info_.name + "\" must not be empty");
    }
    std::size_t i = 0;
    detail::Inner<T>::each(value, [&](const InnerType& inner) {
      const Node& at = i < node.children.size() ? node.children[i] : node;
      ++i;
      check_bounds(context, at, inner);
      if (!check_) return;
      if (std::string wrong = check_(inner); !wrong.empty()) context.problem(at.where, "\"" + info_.name + "\": " + wrong);
    });
  }
  void check_bounds(Context& context, const Node& at, const InnerType& inner) const {
    if constexpr (ordered) {
      if ((low_ && inner < *low_) || (high_ && *high_ < inner))
        context.problem(at.where, "\"" + info_.name + "\" is out of range: " + inline_text(Value<InnerType>::write(inner)), "possible is " + bounds());
    }
  }

  T S::* member_;
  RowInfo info_;
  std::optional<InnerType> low_, high_;
  std::function<std::string(const InnerType&)> check_;
  std::string word_;
  std::string default_text_;
  bool or_false_ = false;
  bool not_empty_ = false;
};

// One row: the key, the member it fills, a sentence or two for the reference.
template <class S, class T>
Option<S, T> option(std::string name, T S::* member, std::string doc) {
  return Option<S, T>(std::move(name), member, std::move(doc));
}

template <class S>
class Table final : public TableBase {
 public:
  // `finish` sees the section after all its rows: it reports what they contradict and may fill in what follows from others.
  using Finish = std::function<void(S&, const Scope&)>;
  Table(std::string doc, std::initializer_list<Rows<S>> rows, Finish finish = {}) : TableBase(std::move(doc)), finish_(std::move(finish)) {
    for (const Rows<S>& group : rows) rows_.insert(rows_.end(), group.rows.begin(), group.rows.end());
  }

  // Reads a section; all problems go to the context, what is wrong keeps its default.
  void read(Context& context, const Node& node, S& out) const {
    if (!node.is(Kind::table)) return wrong_kind(context, node, "a table");
    if constexpr (requires { out.where = Where{}; }) out.where = node.where;
    for (const Row<S>& row : rows_) row.read(context, node.find(row.info.name), node, out);
    report_unknown(context, node);
    if (finish_) finish_(out, Scope(context, &node));
  }
  Node write(const S& section) const {
    Node node(Kind::table);
    for (const Row<S>& row : rows_) node.add(row.info.name, row.write(section));
    return node;
  }
  std::vector<const RowInfo*> infos() const override {
    std::vector<const RowInfo*> out;
    for (const Row<S>& row : rows_) out.push_back(&row.info);
    return out;
  }
  const std::vector<Row<S>>& rows() const { return rows_; }
  const Finish& finish() const { return finish_; }

 private:
  std::vector<Row<S>> rows_;
  Finish finish_;
};

// The options of a member struct (or of the base of S, with embed_base) appear among those of S, without a table of their own.
// The embedded table's finish does not run: call it where it is needed.
template <class S, class P>
Rows<S> embed(P S::* member) {
  Rows<S> out;
  for (const Row<P>& inner : table_of<P>().rows()) {
    Row<S> row;
    row.info = inner.info;
    row.read = [read = inner.read, member](Context& context, const Node* value, const Node& table, S& section) { read(context, value, table, section.*member); };
    row.write = [write = inner.write, member](const S& section) { return write(section.*member); };
    out.rows.push_back(std::move(row));
  }
  return out;
}
template <class S, class P>
Rows<S> embed_base() {
  static_assert(std::is_base_of_v<P, S>);
  Rows<S> out;
  for (const Row<P>& inner : table_of<P>().rows()) {
    Row<S> row;
    row.info = inner.info;
    row.read = [read = inner.read](Context& context, const Node* value, const Node& table, S& section) { read(context, value, table, section); };
    row.write = [write = inner.write](const S& section) { return write(section); };
    out.rows.push_back(std::move(row));
  }
  return out;
}

namespace detail {
template <class T>
void read_section(Context& context, const Node& node, T& out) {
  table_of<T>().read(context, node, out);
}
template <class T>
Node write_section(const T& value) {
  return table_of<T>().write(value);
}
}  // namespace detail

}  // namespace config
