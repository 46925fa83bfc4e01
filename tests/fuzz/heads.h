// SPDX-License-Identifier: BSD-2-Clause
// Comparing heads, for the targets that parse, write and parse again.
#pragma once

#include "fuzz/fuzz.h"
#include "http/head.h"

namespace fuzz {

// Fields that the writer makes itself.
inline bool is_framing(http::Token token) {
  using http::Token;
  return token == Token::content_length || token == Token::transfer_encoding || token == Token::connection || token == Token::keep_alive ||
         token == Token::trailer || token == Token::upgrade;
}

// The same names and values in the same order, framing aside if `own` says so.
inline void must_have_same_fields(const http::Head& a, const http::Head& b, bool own = true) {
  auto at = b.fields().begin();
  const auto skip = [&] {
    while (own && at != b.fields().end() && is_framing(at->token)) ++at;
  };
  for (const auto& field : a.fields()) {
    if (own && is_framing(field.token)) continue;
    skip();
    MUST(at != b.fields().end());
    MUST(a.name(field) == b.name(*at));
    MUST(a.value(field) == b.value(*at));
    ++at;
  }
  skip();
  MUST(at == b.fields().end());
}

}  // namespace fuzz
