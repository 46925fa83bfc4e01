// SPDX-License-Identifier: BSD-2-Clause
#include "config/values.h"

#include <algorithm>

#include "base/bytes.h"

namespace config {
namespace {

// Edits of one character and swaps of neighbours that turn `a` into `b`.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i)
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = base::lower(a[i - 1]) == base::lower(b[j - 1]);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  return cost[a.size()][b.size()];
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "\"" : ", \"") + word + "\"";
  return out;
}

bool one_part_of(std::string_view a, std::string_view b) {
  return a.size() >= 4 && (b.find(a) != std::string_view::npos);
}

}  // namespace

std::string suggestion(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string* best = nullptr;
  std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;
  if (word.size() > 64) return {};
  for (const std::string& candidate : candidates) {
    const std::size_t edits = distance(word, candidate);
    if (edits < least) {
      least = edits;
      best = &candidate;
    }
  }
  for (const std::string& candidate : candidates)
    if (!best && (one_part_of(word, candidate) || one_part_of(candidate, word))) best = &candidate;
  return best ? "did you mean \"" + *best + "\"?" : std::string();
}

void wrong_kind(Context& context, const Node& node, std::string_view wanted, std::string cure) {
  const std::string name = node.key.empty() ? "this" : "\"" + node.key + "\"";
  context.problem(node.where, name + " must be " + std::string(wanted) + ", not " + std::string(kind_name(node.kind)), std::move(cure));
}

void wrong_word(Context& context, const Node& node, const std::vector<std::string>& words) {
  std::string cure = suggestion(node.text, words);
  if (!cure.empty()) cure += " ";
  context.problem(node.where, "\"" + node.key + "\" cannot be \"" + base::escape(node.text) + "\"", cure + "possible are " + joined(words));
}

bool read_integer(Context& context, const Node& node, std::int64_t low, std::uint64_t high, std::int64_t& out) {
  if (!node.is(Kind::integer)) {
    const bool quoted = node.is(Kind::string) && base::parse_decimal(node.text);
    wrong_kind(context, node, "a number", quoted ? "write " + node.text + " without quotes" : std::string());
    return false;
  }
  const bool too_high = node.integer > 0 && static_cast<std::uint64_t>(node.integer) > high;
  if (node.integer < low || too_high) {
    context.problem(node.where, "\"" + node.key + "\" is out of range: " + std::to_string(node.integer),
                    "possible are " + std::to_string(low) + " to " + std::to_string(high));
    return false;
  }
  out = node.integer;
  return true;
}

void Value<bool>::read(Context& context, const Node& node, bool& out) {
  if (node.is(Kind::boolean)) {
    out = node.boolean;
    return;
  }
  std::string cure = "write true or false, without quotes";
  wrong_kind(context, node, type(), cure);
}

void Value<double>::read(Context& context, const Node& node, double& out) {
  if (node.is(Kind::real)) out = node.real;
  else if (node.is(Kind::integer)) out = static_cast<double>(node.integer);
  else wrong_kind(context, node, "a fraction");
}

void Value<std::string>::read(Context& context, const Node& node, std::string& out) {
  if (node.is(Kind::string)) {
    out = node.text;
    return;
  }
  const bool plain = !node.is(Kind::array) && !node.is(Kind::table);
  wrong_kind(context, node, "a string", plain ? "write \"" + inline_text(node) + "\"" : std::string());
}

void Value<base::Duration>::read(Context& context, const Node& node, base::Duration& out) {
  if (node.is(Kind::integer) && node.integer == 0) {
    out = {};
    return;
  }
  if (node.is(Kind::integer)) return wrong_kind(context, node, "a duration", "with its unit, as in \"" + inline_text(node) + "s\"");
  if (!node.is(Kind::string)) return wrong_kind(context, node, "a duration", "as in \"10s\"");
  if (const auto value = parse_duration(node.text)) {
    out = *value;
    return;
  }
  context.problem(node.where, "\"" + node.key + "\" is no duration: \"" + base::escape(node.text) + "\"",
                  "a number and one of us, ms, s, m, h, d, as in \"10s\"");
}

void Value<Size>::read(Context& context, const Node& node, Size& out) {
  if (node.is(Kind::integer) && node.integer >= 0) {
    out = Size(static_cast<std::uint64_t>(node.integer));
    return;
  }
  if (!node.is(Kind::string)) return wrong_kind(context, node, "a size", "as in \"16k\"");
  if (const auto value = parse_size(node.text)) {
    out = *value;
    return;
  }
  context.problem(node.where, "\"" + node.key + "\" is no size: \"" + base::escape(node.text) + "\"",
                  "a number of bytes, or with k, m, g or t for powers of 1024, as in \"16k\"");
}

void Value<Share>::read(Context& context, const Node& node, Share& out) {
  const auto value = node.is(Kind::string) ? parse_share(node.text) : std::nullopt;
  if (value) out = *value;
  else context.problem(node.where, "\"" + node.key + "\" is no share", "a percentage, as in \"20%\"");
}

}  // namespace config
