// SPDX-License-Identifier: BSD-2-Clause
// Conditional requests (RFC 9110 8.8, 13). Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/head.h"

namespace http {

struct EntityTag {
  std::string_view opaque;  // with its quotes
  bool weak = false;
};
// nullopt if it is no entity tag.
std::optional<EntityTag> parse_etag(std::string_view text);
bool strong_match(const EntityTag& a, const EntityTag& b);  // 8.8.3.2
bool weak_match(const EntityTag& a, const EntityTag& b);
// Does a list of tags, or "*", match? Text that is no list matches nothing.
bool etag_list_matches(std::string_view list, std::string_view etag, bool strong);

// What is known of the current representation.
struct Validators {
  std::string_view etag;                      // empty: none
  std::optional<std::int64_t> last_modified;  // seconds since 1970
  std::optional<std::int64_t> date;           // of the stored answer: decides whether Last-Modified is strong (8.8.2.2)
};
Validators validators_of(const Head& response);

enum class Precondition : std::uint8_t { proceed, not_modified, failed };  // answer as usual; 304; 412
// In the order of 13.2.2, without Range. `now` is for two-digit years only.
Precondition evaluate_preconditions(const RequestHead& request, const Validators& current, std::int64_t now = 0);
bool has_preconditions(const Head& request);

// Range may be honoured: no If-Range, or one that matches strongly (13.1.5).
bool if_range_holds(const Head& request, const Validators& current, std::int64_t now = 0);

}  // namespace http
