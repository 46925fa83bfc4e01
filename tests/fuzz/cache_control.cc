// SPDX-License-Identifier: BSD-2-Clause
// Cache-Control and its targeted forms: numbers stay in bounds, one line more never permits what was forbidden, and editing a
// directive changes no other. Input: lines "NAME: VALUE" of an answer; without a colon, of Cache-Control.
#include "base/bytes.h"
#include "fuzz/fuzz.h"
#include "http/cache_control.h"

namespace {

using namespace http;

bool is_value(std::string_view text) {
  for (const char c : text)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == '\x7f') return false;
  return true;
}

void check_bounds(const CacheControl& control) {
  for (const auto& number : {control.max_age, control.s_maxage, control.stale_while_revalidate, control.stale_if_error, control.min_fresh,
                             control.max_stale})
    if (number) MUST(*number <= longest_lifetime && control.present);
}

// Is everything that `less` forbids forbidden by `more`, too?
void must_forbid_all_of(const CacheControl& more, const CacheControl& less) {
  MUST(more.no_store || !less.no_store);
  MUST(more.no_cache || !less.no_cache);
  MUST(more.is_private || !less.is_private);
  MUST(more.must_revalidate || !less.must_revalidate);
  MUST(more.proxy_revalidate || !less.proxy_revalidate);
  MUST(!less.max_age || more.max_age == less.max_age);
  MUST(!less.s_maxage || more.s_maxage == less.s_maxage);
}

void must_differ_in_s_maxage_alone(CacheControl a, CacheControl b) {
  a.s_maxage = b.s_maxage = std::nullopt;
  a.present = b.present = true;
  must_forbid_all_of(a, b);
  must_forbid_all_of(b, a);
  MUST(a.is_public == b.is_public && a.immutable == b.immutable && a.stale_if_error == b.stale_if_error);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  ResponseHead head(200);
  while (!input.rest().empty()) {
    const auto line = input.line();
    const auto colon = line.find(':');
    const auto value = base::trim(colon == std::string_view::npos ? line : line.substr(colon + 1));
    if (!is_value(value)) return 0;
    const auto before = cache_control_of(head);
    if (colon == std::string_view::npos || field_token(line.substr(0, colon)) == Token::other) head.add(Token::cache_control, value);
    else head.add(field_token(line.substr(0, colon)), value);
    must_forbid_all_of(cache_control_of(head), before);
  }
  const auto all = cache_control_of(head);
  check_bounds(all);
  const auto effective = effective_cache_control(head);
  check_bounds(effective.control);
  MUST(effective.from == Token::cache_control || head.has(effective.from));

  ResponseHead zero = head, removed = head;
  edit_directive(zero, "s-maxage", "0");
  edit_directive(removed, "s-maxage", std::nullopt);
  const auto with_zero = cache_control_of(zero), without = cache_control_of(removed);
  MUST(with_zero.s_maxage == (all.s_maxage ? std::optional<std::uint64_t>(0) : std::nullopt));
  MUST(!without.s_maxage);
  must_differ_in_s_maxage_alone(all, with_zero);
  must_differ_in_s_maxage_alone(all, without);
  return 0;
}
