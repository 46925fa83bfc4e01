// SPDX-License-Identifier: BSD-2-Clause
// Vary: names are sorted, each once, and stay what they are when read again; two requests select the same answer exactly if they
// have the same for each name. Input: the value of Vary, one line; fields "NAME: VALUE" of a request; an empty line; those of another.
#include <optional>

#include "cachenode/vary.h"
#include "fuzz/fuzz.h"

namespace {

bool is_plain(std::string_view text) {
  for (const char c : text)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == '\x7f') return false;
  return true;
}

bool read_fields(fuzz::Input& input, http::RequestHead& head) {
  while (!input.rest().empty()) {
    const auto line = input.line();
    if (line.empty()) break;
    const auto colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos || !is_plain(line)) return false;
    head.add(line.substr(0, colon), base::trim(line.substr(colon + 1)));
  }
  return true;
}

std::optional<std::string> has_for(const http::RequestHead& head, std::string_view name) {
  if (name == "accept-encoding") return cachenode::wants_gzip(head) ? "gzip" : "";
  std::optional<std::string> out;
  for (const auto& field : head.fields()) {
    if (base::to_lower(head.name(field)) != name) continue;
    out = (out ? *out + ", " : std::string()) + std::string(head.value(field));
  }
  return out;
}

void check_names(const std::string& names) {
  std::string_view last;
  base::split(names, ',', [&](std::string_view name) {
    if (names.empty()) return;
    MUST(!name.empty() && last < name && !cachenode::is_settled_for_look_up(name));
    last = name;
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  http::ResponseHead answer(200);
  const auto vary = base::trim(input.line());
  http::RequestHead a, b;
  if (!is_plain(vary) || !read_fields(input, a) || !read_fields(input, b)) return 0;
  answer.add("Vary", vary);
  const auto names = cachenode::vary_names(answer);
  if (vary.find('"') == std::string_view::npos) {  // no name has one; what such an answer varies by does not matter
    http::ResponseHead again(200);
    again.add("Vary", names);
    MUST(cachenode::vary_names(again) == names);
    if (names != "*") check_names(names);
  }
  if (names == "*") return 0;

  std::string of_a, of_b;
  cachenode::selecting_values(names, a, of_a);
  cachenode::selecting_values(names, b, of_b);
  bool same = true;
  if (!names.empty()) base::split(names, ',', [&](std::string_view name) { same = same && has_for(a, name) == has_for(b, name); });
  MUST((of_a == of_b) == same);
  return 0;
}
