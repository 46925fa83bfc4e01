// SPDX-License-Identifier: BSD-2-Clause
#include "http/http1_fields.h"

#include <algorithm>

#include "base/bytes.h"
#include "http/reasons.h"
#include "http/scan.h"

namespace http {

namespace {

std::unexpected<base::Error> refuse(const base::ReasonRow& row, std::int64_t limit = 0, std::string_view subject = {}) {
  return base::fail(row, base::Side::client, limit, 0, subject);
}

// The line at `at` has no valid name: says why. `stop` is where the name ended.
std::unexpected<base::Error> refuse_name(std::string_view text, std::size_t at, std::size_t stop) {
  const char c = text[stop];
  if (c == '\n') return refuse(reasons::bare_lf);
  if (c == '\r') return refuse(stop + 1 < text.size() && text[stop + 1] != '\n' ? reasons::bare_cr : reasons::bad_field_line);
  if ((c == ' ' || c == '\t') && stop > at) return refuse(reasons::space_before_colon);
  return refuse(reasons::bad_field_name);
}

// The subject of an error must outlive the input: the table's spelling.
std::unexpected<base::Error> refuse_value(char c, Token token) {
  if (c == '\n') return refuse(reasons::bare_lf);
  if (c == '\r') return refuse(reasons::bare_cr);
  return refuse(reasons::bad_field_value, 0, token == Token::other ? std::string_view("a field") : field_name(token));
}

// The line at `at` begins with no byte of a name: whether it is the empty one that ends the fields, false if that cannot be said yet.
base::Result<bool> ends_here(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (c == '\r') {
    if (at + 1 >= text.size()) return false;
    if (text[at + 1] != '\n') return refuse(reasons::bare_cr);
    return true;
  }
  if (c == '\n') return refuse(reasons::bare_lf);
  if (c == ' ' || c == '\t') return refuse(reasons::obs_fold);
  return refuse(reasons::bad_field_name);
}

}  // namespace

base::Result<std::size_t> parse_fields(std::string_view text, std::size_t at, const HeadLimits& limits, Head::Fields& out) {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const std::size_t longest_name = std::min<std::size_t>(limits.name, 65535);
  for (;;) {
    if (at >= text.size()) return 0;
    if (text[at] <= ' ') {
      const auto ended = ends_here(text, at);
      if (!ended) return std::unexpected(ended.error());
      return *ended ? at + 2 : 0;
    }
    const char* const colon = scan::find<scan::NameEnd>(begin + at, end);
    const auto name_size = static_cast<std::size_t>(colon - (begin + at));
    if (name_size > longest_name) return refuse(reasons::field_name_too_long, static_cast<std::int64_t>(longest_name));
    if (colon == end) return 0;
    if (*colon != ':' || name_size == 0) return refuse_name(text, at, static_cast<std::size_t>(colon - begin));
    const std::string_view name(begin + at, name_size);
    const Token token = field_token(name);
    if (token == Token::other && !only_token_bytes(name)) return refuse(reasons::bad_field_name);

    const char* value = colon + 1;
    while (value < end && (*value == ' ' || *value == '\t')) ++value;
    const char* stop = scan::find<scan::ValueEnd>(value, end);
    if (stop == end) return 0;
    if (*stop != '\r') return refuse_value(*stop, token);
    if (stop + 1 == end) return 0;
    if (stop[1] != '\n') return refuse_value('\r', token);
    at = static_cast<std::size_t>(stop - begin) + 2;
    const char* const line_end = stop;
    while (stop > value && (stop[-1] == ' ' || stop[-1] == '\t')) --stop;

    if (out.size() >= limits.fields) return refuse(reasons::too_many_fields, static_cast<std::int64_t>(limits.fields));
    out.push_back({static_cast<std::uint32_t>(name.data() - begin), static_cast<std::uint32_t>(value - begin),
                   static_cast<std::uint32_t>(stop - value), static_cast<std::uint16_t>(name_size), token,
                   value == colon + 2 && colon[1] == ' ' && stop == line_end});
  }
}

bool line_ended(std::string_view input, std::size_t& from) {
  const bool ended = input.find('\n', std::min(from, input.size())) != std::string_view::npos;
  from = input.size();
  return ended;
}

std::optional<std::uint64_t> parse_content_length(std::string_view value) {
  const auto n = base::parse_decimal(value);
  if (!n || *n > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
  return n;
}

bool is_token(std::string_view text) { return !text.empty() && only_token_bytes(text); }

base::Result<void> check_transfer_encoding(const Head& head) {
  std::size_t elements = 0, chunked = 0;
  bool last_is_chunked = false, malformed = false;
  for (const auto& f : head.fields()) {
    if (f.token != Token::transfer_encoding) continue;
    for_each_element(head.value(f), [&](std::string_view element) {
      ++elements;
      last_is_chunked = base::iequals(element, "chunked");
      if (last_is_chunked) ++chunked;
      const auto name = base::trim(element.substr(0, element.find(';')));
      malformed = malformed || !is_token(name) || (name.size() != element.size() && base::iequals(name, "chunked"));
    });
  }
  if (malformed) return refuse(reasons::transfer_encoding_invalid);
  if (chunked > 1) return refuse(reasons::chunked_repeated);
  if (!last_is_chunked) return refuse(reasons::chunked_not_last);
  if (elements > 1) return refuse(reasons::transfer_coding_unknown);
  return {};
}

base::Error upstream_error(const base::Error& error) {
  base::Error out = error;
  out.side = base::Side::upstream;
  const base::ReasonRow* inner = error.reason.row;
  const base::ReasonRow* row = &reasons::upstream_head;
  if (inner == &reasons::head_too_large || inner == &reasons::too_many_fields || inner == &reasons::field_name_too_long) {
    row = &reasons::upstream_head_too_large;
  } else if (inner == &reasons::transfer_encoding_invalid || inner == &reasons::chunked_not_last || inner == &reasons::chunked_repeated ||
             inner == &reasons::transfer_coding_unknown) {
    row = &reasons::upstream_transfer_coding;
  } else if (inner != nullptr && inner->status >= 500) {
    return out;  // an upstream row already
  }
  out.reason = {row, error.reason.a, error.reason.b, inner != nullptr ? std::string_view(inner->name) : std::string_view{}};
  return out;
}

}  // namespace http
