// SPDX-License-Identifier: BSD-2-Clause
// Recorders of reasons for pure decisions. A decision is a template over its recorder; LastReason serves (keeps the last
// reason, costs a store), FullWhy explains (keeps all, also why other candidates did not match). Same source, two recorders.
// A decision calls why.because(row, …) for what it decides and why.considered(row, …) for what it looked at and left.
// Subjects are views: a FullWhy copies them, so that an explanation may outlive the request.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/reason.h"

namespace observe {

template <class W>
concept Why = requires(W why, const base::ReasonRow& row, std::int64_t n, std::string_view s) {
  why.because(row, n, n, s);
  why.considered(row, n, n, s);
  { W::explains } -> std::convertible_to<bool>;
};

class LastReason {
 public:
  static constexpr bool explains = false;
  void because(const base::ReasonRow& row, std::int64_t a = 0, std::int64_t b = 0, std::string_view subject = {}) {
    last_ = {&row, a, b, subject};
  }
  void considered(const base::ReasonRow&, std::int64_t = 0, std::int64_t = 0, std::string_view = {}) {}
  const base::Reason& last() const { return last_; }

 private:
  base::Reason last_;
};

class FullWhy {
 public:
  static constexpr bool explains = true;
  struct Line {
    bool decided;
    const base::ReasonRow* row;
    std::string code;
    std::string text;
  };
  void because(const base::ReasonRow& row, std::int64_t a = 0, std::int64_t b = 0, std::string_view subject = {}) { add(true, row, a, b, subject); }
  void considered(const base::ReasonRow& row, std::int64_t a = 0, std::int64_t b = 0, std::string_view subject = {}) { add(false, row, a, b, subject); }
  const std::vector<Line>& lines() const { return lines_; }
  // The row of the last because(), null before the first.
  const base::ReasonRow* last() const;
  // One line each: "  - text" for what was considered, "  = text (code)" for what was decided.
  std::string text() const;

 private:
  void add(bool decided, const base::ReasonRow& row, std::int64_t a, std::int64_t b, std::string_view subject);
  std::vector<Line> lines_;
};

}  // namespace observe
