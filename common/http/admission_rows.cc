// SPDX-License-Identifier: BSD-2-Clause
// The rows of a book and its limits: how they come, change and go while threads use the book.
#include <algorithm>

#include "base/check.h"
#include "http/admission.h"

namespace http {

std::size_t Admission::add_row(std::string name, std::uint32_t limit, std::uint32_t weight, bool up) {
  ServerRow row;
  row.name = name;
  row.configured_limit = limit;
  row.configured_weight = weight;
  row.up = up;
  return add_row(std::move(row));
}

std::size_t Admission::add_row(ServerRow row) {
  std::string name(row.name);
  row.life = RowLife::live;
  row.used = row.held = row.queued = 0;
  Mail mail;
  std::size_t index = 0;
  {
    std::lock_guard lock(mutex_);
    while (index < rows_.size() && rows_[index].life != RowLife::unused) ++index;
    if (index == rows_.size()) {
      names_.emplace_back();
      rows_.emplace_back();
      named_.emplace_back();
    }
    names_[index] = std::move(name);
    row.name = names_[index];
    row.serial = rows_[index].serial;
    rows_[index] = std::move(row);
    settle(mail);
  }
  deliver(mail);
  return index;
}

void Admission::remove_row(std::size_t row, base::TimePoint now) {
  change(now, [&](std::span<ServerRow> rows) {
    ServerRow& r = rows[row];
    CHECK(r.life == RowLife::live);
    r.restore();  // what was held against the server counts no more
    r.life = RowLife::removed;
  });
}

bool Admission::row_used(std::size_t row) const {
  std::lock_guard lock(mutex_);
  return rows_[row].used > 0;
}

void Admission::free_row(std::size_t row) {
  std::shared_ptr<const Endpoint> last;  // let go without the lock
  std::string name;
  std::lock_guard lock(mutex_);
  ServerRow& r = rows_[row];
  CHECK_MSG(r.life == RowLife::removed && r.used == 0 && r.queued == 0, "a row is freed that is used");
  last = std::move(r.endpoint);
  name = std::move(names_[row]);
  const std::uint32_t serial = r.serial + 1;
  r = {};
  r.life = RowLife::unused;
  r.serial = serial;
}

std::size_t Admission::find_row(std::string_view name) const {
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < rows_.size(); ++i)
    if (rows_[i].life == RowLife::live && rows_[i].name == name) return i;
  return no_row;
}

std::size_t Admission::rows() const {
  std::lock_guard lock(mutex_);
  return rows_.size();
}

void Admission::set_policy(const PickPolicy& policy, base::TimePoint now) {
  change(now, [&](std::span<ServerRow>) { policy_ = &policy; });
}

void Admission::set_max_waiting(std::uint32_t max_waiting) {
  std::lock_guard lock(mutex_);
  options_.max_waiting = max_waiting;
}

void Admission::set_limits(std::uint32_t max_active, std::uint32_t max_waiting, base::TimePoint now) {
  change(now, [&](std::span<ServerRow> rows) {
    CHECK(rows.size() == 1);
    options_.max_waiting = max_waiting;
    rows[0].configured_limit = max_active;
  });
}

}  // namespace http
