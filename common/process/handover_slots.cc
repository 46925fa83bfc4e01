// SPDX-License-Identifier: BSD-2-Clause
#include "process/handover_slots.h"

#include <algorithm>

namespace process {
namespace {

constexpr std::uint32_t most_wanted = 64;  // tickets of the old process that wait in the new one, a book and row
// Whoever waits at the old process came before anybody who waits at the new one.
constexpr int earlier = -3600;

template <class Books>
auto find_in(Books& books, const std::string& key) {
  const auto at = std::find_if(books.begin(), books.end(), [&](const auto& one) { return one.key == key; });
  return at == books.end() ? nullptr : &*at;
}

}  // namespace

// --- the old process ---

BorrowedSlots::BorrowedSlots(HandoverBooks books, SendHanded send) : send_(std::move(send)) {
  for (auto& [key, book] : books) books_.push_back({key, std::move(book), {}});
}

BorrowedSlots::Book* BorrowedSlots::find(const std::string& key) { return find_in(books_, key); }

void BorrowedSlots::begin() {
  begun_ = true;
  for (Book& book : books_)
    for (const auto& [row, count] : book.book->lease_all()) {
      wire::Writer out = handed(Handed::lent);
      send_(out.text(book.key).text(book.book->row_name(row)).number(count));
    }
  send_(handed(Handed::all_lent));
}

void BorrowedSlots::end(base::TimePoint now) {
  if (!begun_) return;
  begun_ = false;
  for (Book& book : books_) book.book->own_all_again(now);
}

void BorrowedSlots::look(base::TimePoint) {
  if (!begun_) return;
  for (Book& book : books_) {
    give_back(book);
    ask(book);
  }
}

void BorrowedSlots::give_back(Book& book) {
  const auto unused = book.book->give_back_unused();
  for (const auto& [row, count] : unused) say_returned(book, book.book->row_name(row), count);
  if (unused.empty()) return;
  // The new process may see other servers in service than this one does.
  const auto wanted = book.book->wanted();
  book.by_name = std::any_of(wanted.begin(), wanted.end(), [](const auto& one) { return one.row.row == http::no_row; });
}

void BorrowedSlots::say_returned(const Book& book, const std::string& row, std::uint32_t count) {
  wire::Writer out = handed(Handed::returned);
  send_(out.text(book.key).text(row).number(count));
}

void BorrowedSlots::ask(Book& book) {
  std::map<std::string, std::uint32_t> now;
  for (const auto& [row, count] : book.book->wanted()) {
    const std::uint32_t some = std::min(count, most_wanted);
    if (row.row != http::no_row) {
      now["=" + book.book->row_name(row)] += some;
      continue;
    }
    if (!book.by_name) {
      now[""] = some;
      continue;
    }
    std::vector<std::string> rows;
    for (const http::ServerRow& r : book.book->copy_rows())
      if (r.leased && r.in_choice()) rows.push_back("=" + std::string(r.name));
    if (!rows.empty()) now[rows[book.turn++ / 16 % rows.size()]] += some;
  }
  for (const auto& [row, count] : book.asked)
    if (!now.contains(row)) now[row] = 0;
  for (auto at = now.begin(); at != now.end();) {
    const auto& [row, count] = *at;
    const auto said = book.asked.find(row);
    if (said == book.asked.end() || said->second != count) {
      wire::Writer out = handed(Handed::want);
      send_(out.text(book.key).number(!row.empty()).text(row.empty() ? row : row.substr(1)).number(count));
    }
    at = count ? std::next(at) : now.erase(at);
  }
  book.asked = std::move(now);
}

bool BorrowedSlots::handle(Handed what, wire::Reader& in, base::TimePoint now) {
  const std::string key = in.text(), row = in.text();
  Book* book = find(key);
  if (!in.complete() || !book) return false;
  const http::RowId id = book->book->row_id(row);
  if (what == Handed::lifted) {
    if (id.row != http::no_row) book->book->own_again(id, now);
    return true;
  }
  if (what != Handed::granted) return false;
  // One ticket less waits there: what is still wanted is said again.
  for (auto& [mark, count] : book->asked) count = UINT32_MAX;
  if (id.row == http::no_row || !book->book->lend_more(id, now)) {
    say_returned(*book, row, 1);
    book->by_name = true;
  }
  return true;
}

// --- the new process ---

LentSlots::LentSlots(HandoverBooks books, http::TicketDesk& desk, net::Task* user, SendHanded send) : desk_(desk), user_(user), send_(std::move(send)) {
  for (auto& [key, book] : books) books_.push_back({key, std::move(book), {}, {}});
}

LentSlots::~LentSlots() { end(desk_.now()); }

LentSlots::Book* LentSlots::find(const std::string& key) { return find_in(books_, key); }

std::uint32_t LentSlots::away() const {
  std::uint32_t sum = 0;
  for (const Book& book : books_)
    for (const Book::Away& one : book.away) sum += one.count;
  return sum;
}

bool LentSlots::handle(Handed what, wire::Reader& in, base::TimePoint now) {
  const std::string key = in.text();
  const bool named = what == Handed::want && in.number() != 0;
  const std::string row = in.text();
  const std::int64_t count = in.number();
  if (!in.complete() || count < 0 || count > UINT32_MAX) return false;
  Book* book = find(key);
  if (!book) {
    if (what == Handed::lent) say_lifted(key, row);
    return true;
  }
  switch (what) {
    case Handed::lent: lent(*book, row, static_cast<std::uint32_t>(count)); return true;
    case Handed::returned: returned(*book, row, static_cast<std::uint32_t>(count), now); return true;
    case Handed::want: want(*book, row, named, static_cast<std::uint32_t>(count), now); return true;
    default: return false;
  }
}

void LentSlots::say_lifted(const std::string& book, const std::string& row) {
  wire::Writer out = handed(Handed::lifted);
  send_(out.text(book).text(row));
}

void LentSlots::add(Book& book, const std::string& row, http::RowId id, std::uint32_t count) {
  for (Book::Away& one : book.away)
    if (one.id == id) {
      one.count += count;
      return;
    }
  book.away.push_back({row, id, count});
}

void LentSlots::lent(Book& book, const std::string& row, std::uint32_t count) {
  const http::RowId id = book.book->row_id(row);
  if (id.row == http::no_row) return say_lifted(book.key, row);
  book.book->take_away(id, count);
  add(book, row, id, count);
}

void LentSlots::returned(Book& book, const std::string& row, std::uint32_t count, base::TimePoint now) {
  for (Book::Away& one : book.away) {
    if (one.row != row) continue;
    const std::uint32_t some = std::min(count, one.count);
    one.count -= some;
    count -= some;
    book.book->came_back(one.id, some, now);
  }
  std::erase_if(book.away, [](const Book::Away& one) { return one.count == 0; });
}

void LentSlots::want(Book& book, const std::string& row, bool named, std::uint32_t count, base::TimePoint now) {
  auto wish = std::find_if(book.wishes.begin(), book.wishes.end(), [&](const Book::Wish& one) { return one.named == named && one.row == row; });
  if (wish == book.wishes.end()) wish = book.wishes.insert(wish, {row, named, 0, {}});
  wish->count = std::min(count, most_wanted);
  while (wish->tickets.size() > wish->count && wish->tickets.back()->state() == http::Ticket::State::waiting) wish->tickets.pop_back();
  look(now);
}

void LentSlots::enter(Book& book, Book::Wish& wish, base::TimePoint now) {
  http::Admission::Input input;
  if (wish.named) input.row = book.book->row_id(wish.row).row;
  input.priority = earlier;
  input.unlimited = true;
  while (wish.tickets.size() < wish.count) {
    auto ticket = std::make_unique<http::Ticket>(desk_, user_);
    // No server is in service: tried again by the next look().
    if (book.book->enter(*ticket, input, now) == http::Admission::Entry::refused) return;
    wish.tickets.push_back(std::move(ticket));
  }
}

void LentSlots::tell(Book& book, Book::Wish& wish) {
  for (auto& ticket : wish.tickets) {
    if (ticket->state() != http::Ticket::State::granted) continue;
    auto slot = ticket->take_slot();
    const http::RowId id = slot->id();
    const std::string row = book.book->row_name(id);
    book.book->take_away(std::move(slot));
    add(book, row, id, 1);
    if (wish.count > 0) --wish.count;
    wire::Writer out = handed(Handed::granted);
    send_(out.text(book.key).text(row));
  }
  std::erase_if(wish.tickets, [](const auto& ticket) { return ticket->state() != http::Ticket::State::waiting; });
}

void LentSlots::look(base::TimePoint now) {
  for (Book& book : books_) {
    for (Book::Wish& wish : book.wishes) {
      tell(book, wish);
      enter(book, wish, now);
      tell(book, wish);
    }
    std::erase_if(book.wishes, [](const Book::Wish& one) { return one.count == 0 && one.tickets.empty(); });
  }
}

void LentSlots::end(base::TimePoint now) {
  for (Book& book : books_) {
    book.wishes.clear();
    for (const Book::Away& one : book.away) book.book->came_back(one.id, one.count, now);
    book.away.clear();
  }
}

}  // namespace process
