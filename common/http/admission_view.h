// SPDX-License-Identifier: BSD-2-Clause
// The row of one server in an admission book, as decisions see it: a plain value without sockets, so that choosing and
// explaining are pure. The book's mutex guards the live rows; a copy may be read anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/clock.h"

namespace http {

// What the administrator wants of a server. drain: only requests that name it; maint: none.
enum class AdminState : std::uint8_t { ready, drain, maint };

// removed: takes nobody, its requests finish. unused: the index waits for another server.
enum class RowLife : std::uint8_t { live, removed, unused };

struct Endpoint;

struct ServerRow {
  std::string_view name;  // owned by the book, as long as the row is not freed
  // Whoever has the row sees who it was, without asking the book again (Slot).
  void* owner = nullptr;
  std::shared_ptr<const Endpoint> endpoint;
  std::uint32_t serial = 0;  // of the index: how often it was freed
  RowLife life = RowLife::live;
  // Configured and overridden values; weight() and limit() are the effective ones.
  std::uint32_t configured_weight = 1;
  std::optional<std::uint32_t> override_weight;
  std::uint32_t configured_limit = 0;  // 0: unlimited
  std::optional<std::uint32_t> override_limit;
  AdminState admin = AdminState::ready;
  bool up = true;         // health as checks see it (true where nothing checks)
  // A connect was refused: out of the choice until a check succeeds, or until out_until, when one request tries it.
  bool out = false;
  base::TimePoint out_until{};
  // How long a refused connect takes the row out: zero: not at all; max(): until a check succeeds.
  base::Duration out_for{0};
  bool trial = false;     // back after out_until: one request at a time until one succeeds

  std::uint32_t used = 0;    // slots taken
  std::uint32_t held = 0;    // of these: given up by their users while the server was not done; returned by a good check
  std::uint32_t queued = 0;  // tickets that name this row
  // An upgrade (admission_handover.cc). leased: another process owns the server now, and `lent` slots of it are ours instead of the
  // limit. away: of used, in the hands of the process before this one.
  bool leased = false;
  std::uint32_t lent = 0;
  std::uint32_t away = 0;
  std::int64_t current = 0;  // round robin: the row's credit
  std::uint64_t last_grant = 0;  // number of the last grant: ties go to whoever waited longest

  std::uint32_t used_max = 0;
  std::uint32_t queued_max = 0;
  std::uint64_t granted = 0;  // in all

  std::uint32_t weight() const { return override_weight.value_or(configured_weight); }
  std::uint32_t limit() const { return trial ? 1 : override_limit.value_or(configured_limit); }
  std::uint32_t own_limit() const { return override_limit.value_or(configured_limit); }
  bool free() const { return leased ? used < lent && (!trial || used == 0) : limit() == 0 || used < limit(); }
  bool takes_named() const { return up && !out && admin != AdminState::maint && life == RowLife::live; }
  // A check succeeded: nothing that was held against the row counts any more.
  void restore() {
    out = trial = false;
    used -= held;
    held = 0;
  }
  bool in_choice() const { return takes_named() && admin == AdminState::ready && weight() > 0; }
};

inline constexpr std::size_t no_row = SIZE_MAX;

// How a book chooses among its rows. pick() is pure and considers rows that are in the choice and free; apply() is the only
// thing that moves the policy's state, in the same critical section.
class PickPolicy {
 public:
  virtual ~PickPolicy() = default;
  virtual std::size_t pick(std::span<const ServerRow> rows) const = 0;  // no_row if none is eligible
  virtual void apply(std::span<ServerRow> rows, std::size_t chosen) const = 0;
};

// The first row that is free: for books of one row (a route's queue, an origin).
class FirstFree final : public PickPolicy {
 public:
  std::size_t pick(std::span<const ServerRow> rows) const override {
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (rows[i].in_choice() && rows[i].free()) return i;
    return no_row;
  }
  void apply(std::span<ServerRow>, std::size_t) const override {}
};

}  // namespace http
