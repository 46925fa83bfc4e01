// SPDX-License-Identifier: BSD-2-Clause
#include "http/field_names.h"

#include <catch2/catch.hpp>
#include <string>

#include "base/bytes.h"

using http::Token;

namespace {
constexpr Token all[] = {
#define TOKEN(token, name) Token::token,
    HTTP_FIELD_NAMES(TOKEN)
#undef TOKEN
};
}  // namespace

TEST_CASE("every known name is found in any letter case") {
  for (const Token token : all) {
    const std::string name(http::field_name(token));
    std::string upper = name;
    for (char& c : upper)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    INFO(name);
    CHECK(http::field_token(name) == token);
    CHECK(http::field_token(base::to_lower(name)) == token);
    CHECK(http::field_token(upper) == token);
  }
}

TEST_CASE("a byte more, less or other is another name") {
  for (const Token token : all) {
    const std::string name(http::field_name(token));
    CHECK(http::field_token(name + "x") != token);
    CHECK(http::field_token(name.substr(1)) != token);
    for (std::size_t i = 0; i < name.size(); ++i) {
      for (const char c : {'\0', '\r', '_', '@', '`', static_cast<char>(name[i] ^ 0x80), static_cast<char>(name[i] ^ 0x01)}) {
        std::string other = name;
        other[i] = c;
        if (!base::iequals(other, name)) CHECK(http::field_token(other) != token);
      }
      // 0x20 is the bit of letter case only in letters: '\r' is no '-'.
      std::string folded = name;
      folded[i] = static_cast<char>(folded[i] ^ 0x20);
      if (!base::iequals(folded, name)) CHECK(http::field_token(folded) == Token::other);
    }
  }
  CHECK(http::field_token("") == Token::other);
  CHECK(http::field_token("X") == Token::other);
  CHECK(http::field_token(std::string(300, 'a')) == Token::other);
}

TEST_CASE("a token set holds what it was made of") {
  constexpr http::TokenSet set{Token::accept, Token::x_sendfile, Token::host};
  for (const Token token : all) CHECK(set.contains(token) == (token == Token::accept || token == Token::x_sendfile || token == Token::host));
}
