// SPDX-License-Identifier: BSD-2-Clause
// Cache-Control of requests and responses (RFC 9111 5.2, 5861) and its targeted forms (RFC 9213). Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "http/head.h"

namespace http {

// Numbers are whole seconds, at most 2^31 (RFC 9111 1.2.2). A lifetime that cannot be read counts as 0: never keep what cannot be
// understood. Of a repeated directive the first holds (4.2.1). `private="f"` and `no-cache="f"` count as the whole.
struct CacheControl {
  bool present = false;  // there was at least one directive
  bool no_store = false;
  bool no_cache = false;
  bool is_private = false;
  bool is_public = false;
  bool must_revalidate = false;
  bool proxy_revalidate = false;
  bool must_understand = false;
  bool no_transform = false;
  bool immutable = false;
  bool only_if_cached = false;
  bool any_max_stale = false;  // max-stale without a number
  std::optional<std::uint64_t> max_age;
  std::optional<std::uint64_t> s_maxage;
  std::optional<std::uint64_t> stale_while_revalidate;
  std::optional<std::uint64_t> stale_if_error;
  std::optional<std::uint64_t> min_fresh;
  std::optional<std::uint64_t> max_stale;
};

inline constexpr std::uint64_t longest_lifetime = std::uint64_t{1} << 31;

CacheControl parse_cache_control(std::string_view value);
// All lines of Cache-Control.
CacheControl cache_control_of(const Head& head);

// The targeted fields that hold for us, first one that is there, valid and not empty (RFC 9213 2.2): then Cache-Control and Expires
// of the answer say nothing to us. Surrogate-Control is read as Edge Architecture wrote it: "max-age=600+30" has grace.
struct EffectiveControl {
  CacheControl control;
  Token from = Token::cache_control;  // which field it was; cache_control also if there is none at all
  std::string_view directive_text;    // the first line of that field, for explanations
};
EffectiveControl effective_cache_control(const Head& response);
inline constexpr Token targeted_fields[] = {Token::cachenode_cache_control, Token::cdn_cache_control, Token::surrogate_control};

// Age or delta-seconds of another field: digits, capped; nullopt if malformed.
std::optional<std::uint64_t> parse_delta_seconds(std::string_view value);

// Replaces or removes one directive in all lines, keeping the rest as written: ("s-maxage", "0") or ("s-maxage", nullopt).
// Makes one line. Nothing happens if the directive is not there.
void edit_directive(Head& head, std::string_view directive, std::optional<std::string_view> value);

}  // namespace http
