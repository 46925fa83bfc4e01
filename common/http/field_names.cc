// SPDX-License-Identifier: BSD-2-Clause
#include "http/field_names.h"

#include <array>
#include <cstring>

#include "base/bytes.h"

namespace http {

namespace {

constexpr std::array names = {
    std::string_view{},
#define HTTP_NAME(token, name) std::string_view{name},
    HTTP_FIELD_NAMES(HTTP_NAME)
#undef HTTP_NAME
};

constexpr std::size_t longest = 32;

// A name in lower case and, for each byte, the bit that differs between its two cases (0 where there are none), so that
// comparing is exact and takes whole words.
struct Row {
  char lower[longest] = {};
  char fold[longest] = {};
  std::uint8_t size = 0;
};

constexpr std::size_t slots = 512;

constexpr std::size_t slot_of(const char* s, std::size_t n) {
  const auto at = [s](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(s[i]) | 0x20); };
  // Found by trying: two of the names share a slot.
  return (n * 140 + at(0) * 332 + at(n / 2) * 365 + at(n - 1) * 151 + at(n > 2 ? n - 3 : 0) * 233) % slots;
}

struct Table {
  std::array<Row, names.size()> rows{};
  std::array<std::uint8_t, slots> slot{};  // token, 0: free; collisions go to the next slot
  constexpr Table() {
    for (std::size_t t = 1; t < names.size(); ++t) {
      const auto name = names[t];
      rows[t].size = static_cast<std::uint8_t>(name.size());
      for (std::size_t i = 0; i < name.size(); ++i) {
        rows[t].lower[i] = base::lower(name[i]);
        rows[t].fold[i] = base::is_alpha(name[i]) ? 0x20 : 0;
      }
      std::size_t at = slot_of(name.data(), name.size());
      while (slot[at] != 0) at = (at + 1) % slots;
      slot[at] = static_cast<std::uint8_t>(t);
    }
  }
};
constexpr Table table;

constexpr bool all_names_fit() {
  for (auto name : names)
    if (name.size() >= longest) return false;
  return names.size() < 128;
}
static_assert(all_names_fit());

// Zero where the bytes are the same but for letter case.
template <class Word>
Word difference(const char* s, const Row& row, std::size_t at) {
  Word a, lower, fold;
  std::memcpy(&a, s + at, sizeof a);
  std::memcpy(&lower, row.lower + at, sizeof lower);
  std::memcpy(&fold, row.fold + at, sizeof fold);
  return static_cast<Word>((a | fold) ^ lower);
}

bool equals(const char* s, std::size_t n, const Row& row) {
  using std::uint16_t, std::uint32_t, std::uint64_t;
  if (row.size != n) return false;
  if (n >= 8) {  // no early exit: what is here mostly matches
    uint64_t any = difference<uint64_t>(s, row, 0) | difference<uint64_t>(s, row, n - 8);
    if (n > 16) any |= difference<uint64_t>(s, row, 8) | difference<uint64_t>(s, row, n - 16);
    return any == 0;
  }
  if (n >= 4) return (difference<uint32_t>(s, row, 0) | difference<uint32_t>(s, row, n - 4)) == 0;
  return (difference<uint16_t>(s, row, 0) | difference<uint16_t>(s, row, n - 2)) == 0;
}

}  // namespace

Token field_token(std::string_view name) {
  if (name.size() < 2 || name.size() >= longest) return Token::other;
  for (std::size_t at = slot_of(name.data(), name.size());; at = (at + 1) % slots) {
    const auto t = table.slot[at];
    if (t == 0) return Token::other;
    if (equals(name.data(), name.size(), table.rows[t])) return static_cast<Token>(t);
  }
}

std::string_view field_name(Token token) { return names[static_cast<std::size_t>(token)]; }

}  // namespace http
