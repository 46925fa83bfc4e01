// SPDX-License-Identifier: BSD-2-Clause
// The slots of servers while two processes of a daemon serve, so that both together never use more than the limit. The new process owns
// all of them; what the old one uses is lent to it and comes back. The messages are made and read here; a HandoverLink carries them.
// Owners: the two sides of an upgrade; control thread.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "http/admission.h"
#include "process/handover_link.h"

namespace process {

using SendHanded = std::function<void(const wire::Writer& message)>;

// The old process's side.
class BorrowedSlots {
 public:
  BorrowedSlots(HandoverBooks books, SendHanded send);
  // From now on the books are another's: tells what is used.
  void begin();
  // From time to time: what is not used goes back; whoever waits asks for more.
  void look(base::TimePoint now);
  // lifted, granted. False: it makes no sense.
  bool handle(Handed what, wire::Reader& in, base::TimePoint now);
  // Nobody else uses the servers (any more).
  void end(base::TimePoint now);

 private:
  struct Book {
    std::string key;
    std::shared_ptr<http::Admission> book;
    std::map<std::string, std::uint32_t> asked;  // by row as it is written in messages: what was said last
    bool by_name = false;                        // what was granted for any row could not be used here: rows are asked for in turn
    std::size_t turn = 0;
  };
  Book* find(const std::string& key);
  void give_back(Book& book);
  void ask(Book& book);
  void say_returned(const Book& book, const std::string& row, std::uint32_t count);

  std::vector<Book> books_;
  SendHanded send_;
  bool begun_ = false;
};

// The new process's side.
class LentSlots {
 public:
  // `user` is rung when a ticket was granted (look()); null in tests. Desk and user outlive this.
  LentSlots(HandoverBooks books, http::TicketDesk& desk, net::Task* user, SendHanded send);
  ~LentSlots();
  // lent, returned, want. False: it makes no sense.
  bool handle(Handed what, wire::Reader& in, base::TimePoint now);
  // What was granted goes to the old process; from time to time, too, for those that could not wait.
  void look(base::TimePoint now);
  // The old process is gone: everything it had is free.
  void end(base::TimePoint now);
  std::uint32_t away() const;

 private:
  struct Book {
    std::string key;
    std::shared_ptr<http::Admission> book;
    struct Away {
      std::string row;
      http::RowId id;
      std::uint32_t count;
    };
    std::vector<Away> away;
    struct Wish {
      std::string row;
      bool named;
      std::uint32_t count;                                 // tickets that shall wait
      std::vector<std::unique_ptr<http::Ticket>> tickets;  // that do, oldest first
    };
    std::vector<Wish> wishes;
  };
  Book* find(const std::string& key);
  void lent(Book& book, const std::string& row, std::uint32_t count);
  void returned(Book& book, const std::string& row, std::uint32_t count, base::TimePoint now);
  void want(Book& book, const std::string& row, bool named, std::uint32_t count, base::TimePoint now);
  void enter(Book& book, Book::Wish& wish, base::TimePoint now);
  void tell(Book& book, Book::Wish& wish);
  void add(Book& book, const std::string& row, http::RowId id, std::uint32_t count);
  void say_lifted(const std::string& book, const std::string& row);

  std::vector<Book> books_;
  http::TicketDesk& desk_;
  net::Task* user_;
  SendHanded send_;
};

}  // namespace process
