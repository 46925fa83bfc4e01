// SPDX-License-Identifier: BSD-2-Clause
// How one value is read from a Node and written back: a trait a type. Specialise Value<T> for own types:
//   static void read(Context&, const Node&, T& out);   // reports what is wrong with ctx.problem(node.where, message, cure)
//   static Node write(const T&);                       // what -T prints and what read() takes back
//   static std::string type();                         // for the reference: "address", "network"
//   static bool accepts(const Node&);                  // right kind? for either-or values
// Enums need words: `inline config::Words<E> option_words(E)` beside the enum. A class without a specialisation is a
// section: give it a table (table_of, see option_table.h).
#pragma once

#include <concepts>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "config/context.h"
#include "config/units.h"

namespace config {

class TableBase;
template <class S>
class Table;
// The table of a section's struct: specialise and define it once. A function, so that tables are made when first used.
template <class S>
const Table<S>& table_of();

template <class E>
struct Word {
  std::string_view word;
  E value;
};
template <class E>
using Words = std::vector<Word<E>>;

// "did you mean …?" among candidates, empty if none is near.
std::string suggestion(std::string_view word, const std::vector<std::string>& candidates);
// Reports that a value is of the wrong kind.
void wrong_kind(Context& context, const Node& node, std::string_view wanted, std::string cure = {});
void wrong_word(Context& context, const Node& node, const std::vector<std::string>& words);
bool read_integer(Context& context, const Node& node, std::int64_t low, std::uint64_t high, std::int64_t& out);

template <class T>
struct Value;

namespace detail {
template <class T>
void read_section(Context& context, const Node& node, T& out);
template <class T>
Node write_section(const T& value);

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsNamed : std::false_type {};
template <class T>
struct IsNamed<std::vector<std::pair<std::string, T>>> : std::true_type {};
// What bounds apply to: the content of optionals, lists and maps.
template <class T>
struct Inner {
  using type = T;
  template <class F>
  static void each(const T& value, F&& f) { f(value); }
};
template <class T>
struct Inner<std::optional<T>> {
  using type = typename Inner<T>::type;
  template <class F>
  static void each(const std::optional<T>& value, F&& f) {
    if (value) Inner<T>::each(*value, f);
  }
};
template <class T>
struct Inner<std::vector<T>> {
  using type = typename Inner<T>::type;
  template <class F>
  static void each(const std::vector<T>& value, F&& f) {
    for (const T& item : value) Inner<T>::each(item, f);
  }
};
template <class T>
struct Inner<std::vector<std::pair<std::string, T>>> {
  using type = typename Inner<T>::type;
  template <class F>
  static void each(const std::vector<std::pair<std::string, T>>& value, F&& f) {
    for (const auto& item : value) Inner<T>::each(item.second, f);
  }
};
template <>
struct Inner<std::vector<bool>>;  // not an option type
}  // namespace detail

// Sections and enums.
template <class T>
struct Value {
  static constexpr bool is_section = !std::is_enum_v<T>;
  static void read(Context& context, const Node& node, T& out) {
    if constexpr (std::is_enum_v<T>) {
      if (!node.is(Kind::string)) return wrong_kind(context, node, type());
      for (const auto& word : option_words(T{}))
        if (word.word == node.text) {
          out = word.value;
          return;
        }
      wrong_word(context, node, words());
    } else {
      detail::read_section(context, node, out);
    }
  }
  static Node write(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      for (const auto& word : option_words(T{}))
        if (word.value == value) return Node::of(word.word);
      return Node();
    } else {
      return detail::write_section(value);
    }
  }
  static std::string type() {
    if constexpr (std::is_enum_v<T>) {
      std::string out;
      for (const std::string& word : words()) out += (out.empty() ? "\"" : ", \"") + word + "\"";
      return "one of " + out;
    } else {
      return "table";
    }
  }
  static bool accepts(const Node& node) { return node.is(std::is_enum_v<T> ? Kind::string : Kind::table); }
  static std::vector<std::string> words() {
    std::vector<std::string> out;
    if constexpr (std::is_enum_v<T>)
      for (const auto& word : option_words(T{})) out.emplace_back(word.word);
    return out;
  }
};

template <>
struct Value<bool> {
  static void read(Context& context, const Node& node, bool& out);
  static Node write(bool value) { return Node::of(value); }
  static std::string type() { return "true or false"; }
  static bool accepts(const Node& node) { return node.is(Kind::boolean); }
};

template <class T>
  requires(std::integral<T> && !std::same_as<T, bool>)
struct Value<T> {
  static void read(Context& context, const Node& node, T& out) {
    std::int64_t value = 0;
    if (read_integer(context, node, static_cast<std::int64_t>(std::numeric_limits<T>::min()), std::numeric_limits<T>::max(), value))
      out = static_cast<T>(value);
  }
  static Node write(T value) { return Node::of(static_cast<std::int64_t>(value)); }
  static std::string type() { return "number"; }
  static bool accepts(const Node& node) { return node.is(Kind::integer); }
};

template <>
struct Value<double> {
  static void read(Context& context, const Node& node, double& out);
  static Node write(double value) { return Node::of(value); }
  static std::string type() { return "fraction"; }
  static bool accepts(const Node& node) { return node.is(Kind::real) || node.is(Kind::integer); }
};

template <>
struct Value<std::string> {
  static void read(Context& context, const Node& node, std::string& out);
  static Node write(const std::string& value) { return Node::of(std::string_view(value)); }
  static std::string type() { return "string"; }
  static bool accepts(const Node& node) { return node.is(Kind::string); }
};

template <>
struct Value<base::Duration> {
  static void read(Context& context, const Node& node, base::Duration& out);
  static Node write(base::Duration value) { return Node::of(std::string_view(duration_text(value))); }
  static std::string type() { return "duration"; }
  static bool accepts(const Node& node) { return node.is(Kind::string); }
};

template <>
struct Value<Size> {
  static void read(Context& context, const Node& node, Size& out);
  static Node write(Size value) { return Node::of(std::string_view(size_text(value))); }
  static std::string type() { return "size"; }
  static bool accepts(const Node& node) { return node.is(Kind::string) || node.is(Kind::integer); }
};

template <>
struct Value<Share> {
  static void read(Context& context, const Node& node, Share& out);
  static Node write(Share value) { return Node::of(std::string_view(share_text(value))); }
  static std::string type() { return "share"; }
  static bool accepts(const Node& node) { return node.is(Kind::string); }
};

// Absent is nullopt. See Option::or_word and Option::or_false for "auto" and false.
template <class T>
struct Value<std::optional<T>> {
  static void read(Context& context, const Node& node, std::optional<T>& out) {
    T value = out ? *out : T{};
    Value<T>::read(context, node, value);
    out = std::move(value);
  }
  static Node write(const std::optional<T>& value) { return value ? Value<T>::write(*value) : Node(); }
  static std::string type() { return Value<T>::type(); }
  static bool accepts(const Node& node) { return Value<T>::accepts(node); }
};

// A list; a single plain value is a list of one.
template <class T>
struct Value<std::vector<T>> {
  static void read(Context& context, const Node& node, std::vector<T>& out) {
    out.clear();
    if (!node.is(Kind::array)) {
      if (node.is(Kind::table) && Value<T>::accepts(node))
        context.problem(node.where, "\"" + node.key + "\" is a list of tables", "write [[" + node.key + "]], or a list of inline tables");
      else
        read_item(context, node, out);
      return;
    }
    for (const Node& item : node.children) read_item(context, item, out);
  }
  static Node write(const std::vector<T>& value) {
    Node node(Kind::array);
    for (const T& item : value) node.add({}, Value<T>::write(item));
    return node;
  }
  static std::string type() { return "list of " + Value<T>::type(); }
  static bool accepts(const Node& node) { return node.is(Kind::array) || (!node.is(Kind::table) && Value<T>::accepts(node)); }

 private:
  static void read_item(Context& context, const Node& node, std::vector<T>& out) {
    T item{};
    Value<T>::read(context, node, item);
    out.push_back(std::move(item));
  }
};

// A table whose keys are names: `[upstream.cache]`, `set = { "X-A" = "1" }`. In the order of the file.
template <class T>
struct Value<std::vector<std::pair<std::string, T>>> {
  static void read(Context& context, const Node& node, std::vector<std::pair<std::string, T>>& out) {
    out.clear();
    if (!node.is(Kind::table)) return wrong_kind(context, node, "a table of names");
    for (const Node& child : node.children) {
      T item{};
      Value<T>::read(context, child, item);
      out.emplace_back(child.key, std::move(item));
    }
  }
  static Node write(const std::vector<std::pair<std::string, T>>& value) {
    Node node(Kind::table);
    for (const auto& [name, item] : value) node.add(name, Value<T>::write(item));
    return node;
  }
  static std::string type() { return "table of names, each a " + Value<T>::type(); }
  static bool accepts(const Node& node) { return node.is(Kind::table); }
};

// Either-or: the first alternative that takes this kind of node.
template <class... T>
struct Value<std::variant<T...>> {
  static void read(Context& context, const Node& node, std::variant<T...>& out) {
    if (!(try_one<T>(context, node, out) || ...)) wrong_kind(context, node, type());
  }
  static Node write(const std::variant<T...>& value) {
    return std::visit([]<class A>(const A& held) { return Value<A>::write(held); }, value);
  }
  static std::string type() {
    std::string out;
    ((out += (out.empty() ? "" : " or ") + Value<T>::type()), ...);
    return out;
  }
  static bool accepts(const Node& node) { return (Value<T>::accepts(node) || ...); }

 private:
  template <class A>
  static bool try_one(Context& context, const Node& node, std::variant<T...>& out) {
    if (!Value<A>::accepts(node)) return false;
    A value{};
    if (const A* old = std::get_if<A>(&out)) value = *old;
    Value<A>::read(context, node, value);
    out = std::move(value);
    return true;
  }
};

// Not an option: `std::monostate` stands for `false` in either-or values ("access = false").
template <>
struct Value<std::monostate> {
  static void read(Context&, const Node&, std::monostate&) {}
  static Node write(std::monostate) { return Node::of(false); }
  static std::string type() { return "false"; }
  static bool accepts(const Node& node) { return node.is(Kind::boolean) && !node.boolean; }
};

namespace detail {
// The section inside a type, for the reference: vector<optional<Site>> gives Site.
template <class T>
struct SectionIn {
  static constexpr bool found = false;
};
template <class T>
  requires(Value<T>::is_section)
struct SectionIn<T> {
  static constexpr bool found = true;
  using type = T;
};
template <class T>
struct SectionIn<std::optional<T>> : SectionIn<T> {};
template <class T>
struct SectionIn<std::vector<T>> : SectionIn<T> {};
template <class T>
struct SectionIn<std::vector<std::pair<std::string, T>>> : SectionIn<T> {};
template <class A, class... T>
struct SectionIn<std::variant<A, T...>> : std::conditional_t<SectionIn<A>::found, SectionIn<A>, SectionIn<std::variant<T...>>> {};
template <>
struct SectionIn<std::variant<>> {
  static constexpr bool found = false;
};
}  // namespace detail

}  // namespace config
