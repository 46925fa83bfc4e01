// SPDX-License-Identifier: BSD-2-Clause
// Bytes of peers and times as log lines have them. What a peer sends can never end a line, a quote or a field of it.
// Any thread; the time texts are cached a second and thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/pen.h"

namespace http::log_text {

// Controls, '"', '\\' and bytes from 0x7f as \xHH (nginx's default).
void append_escaped(std::string& out, std::string_view text);
void escape_from(std::string& out, std::size_t at);  // the same with what is there from `at` on
// The same bytes and '#' as #HH, as HAProxy writes them: at most hash_escape times as many.
inline constexpr std::size_t hash_escape = 3;
void hash_escaped(base::Pen& pen, std::string_view text);
// Content of a JSON string; bytes that are no UTF-8 as \u00HH, so that the line is always valid.
void append_json(std::string& out, std::string_view text);

void append_number(std::string& out, std::int64_t n);
// Seconds with three decimals, "0.042".
void append_seconds(std::string& out, base::Duration d);
// Milliseconds since 1970 as "1700000000.123".
void append_msec(std::string& out, base::WallTime t);

// "10/Oct/2000:13:55:36 -0700", "2000-10-10T13:55:36-07:00" and "10/Oct/2000:13:55:36.123", local time.
void append_time_local(std::string& out, base::WallTime t);
void append_time_iso8601(std::string& out, base::WallTime t);
inline constexpr std::size_t time_haproxy_room = 32;
void time_haproxy(base::Pen& pen, base::WallTime t);

}  // namespace http::log_text
