// SPDX-License-Identifier: BSD-2-Clause
// One set of slots for two processes, while an upgrade goes on. The new process owns all of them; what the old one uses is lent to it,
// and counted as used (`away`) in the new one's book. The old one uses what was lent (`lent`) and nothing else. Whoever lowers the one
// does so before the message that lowers the other is sent, so that both together never exceed the limit.
#include <algorithm>

#include "base/check.h"
#include "http/admission.h"

namespace http {

std::vector<Admission::Count> Admission::lease_all() {
  std::vector<Count> out;
  out.reserve(rows() + 16);
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < rows_.size() && out.size() < out.capacity(); ++i) {
    ServerRow& r = rows_[i];
    if (r.life == RowLife::unused || r.own_limit() == 0) continue;
    r.leased = true;
    r.lent = r.used;
    out.push_back({{i, r.serial}, r.used});
  }
  return out;
}

void Admission::own_again(RowId row, base::TimePoint now) {
  change(now, [&](std::span<ServerRow> rows) {
    if (row.row < rows.size() && rows[row.row].serial == row.serial) rows[row.row].leased = false;
  });
}

void Admission::own_all_again(base::TimePoint now) {
  change(now, [](std::span<ServerRow> rows) {
    for (ServerRow& r : rows) r.leased = false;
  });
}

std::vector<Admission::Count> Admission::give_back_unused() {
  std::vector<Count> out;
  out.reserve(rows() + 16);
  std::lock_guard lock(mutex_);
  // By the invariant nobody who waits may use what is free.
  for (std::size_t i = 0; i < rows_.size() && out.size() < out.capacity(); ++i) {
    ServerRow& r = rows_[i];
    if (!r.leased || r.lent <= r.used) continue;
    out.push_back({{i, r.serial}, r.lent - r.used});
    r.lent = r.used;
  }
  return out;
}

std::vector<Admission::Count> Admission::wanted() const {
  std::vector<Count> out;
  out.reserve(rows() + 16);
  std::lock_guard lock(mutex_);
  std::uint32_t named = 0;
  bool any = false;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const ServerRow& r = rows_[i];
    named += r.queued;
    any = any || (r.leased && r.in_choice());
    if (r.leased && r.queued && out.size() < out.capacity()) out.push_back({{i, r.serial}, r.queued});
  }
  if (any && totals_.waiting > named && out.size() < out.capacity()) out.push_back({{}, totals_.waiting - named});
  return out;
}

bool Admission::lend_more(RowId row, base::TimePoint now) {
  bool leased = false;
  change(now, [&](std::span<ServerRow> rows) {
    if (row.row >= rows.size() || rows[row.row].serial != row.serial || !rows[row.row].leased) return;
    ++rows[row.row].lent;
    leased = true;
  });
  return leased;
}

void Admission::take_away(RowId row, std::uint32_t count) {
  std::lock_guard lock(mutex_);
  ServerRow& r = rows_[row.row];
  CHECK(r.serial == row.serial && r.life != RowLife::unused);
  r.used += count;
  r.away += count;
  totals_.active += count;
  check_book();
}

void Admission::take_away(std::unique_ptr<Slot> slot) {
  CHECK(slot->book_ == this);
  {
    std::lock_guard lock(mutex_);
    ++rows_[slot->row_].away;
  }
  slot->book_ = nullptr;  // it holds nothing any more: came_back() returns it
}

void Admission::came_back(RowId row, std::uint32_t count, base::TimePoint now) {
  if (count == 0) return;
  change(now, [&](std::span<ServerRow> rows) {
    ServerRow& r = rows[row.row];
    CHECK(r.serial == row.serial && r.away >= count && r.used >= count);
    r.away -= count;
    r.used -= count;
  });
}

RowId Admission::row_id(std::string_view name) const {
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < rows_.size(); ++i)
    if (rows_[i].life == RowLife::live && rows_[i].name == name) return {i, rows_[i].serial};
  return {};
}

std::string Admission::row_name(RowId row) const {
  const std::vector<ServerRow> rows = copy_rows();
  return row.row < rows.size() && rows[row.row].serial == row.serial ? std::string(rows[row.row].name) : std::string();
}

}  // namespace http
