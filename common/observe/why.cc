// SPDX-License-Identifier: BSD-2-Clause
#include "observe/why.h"

namespace observe {

void FullWhy::add(bool decided, const base::ReasonRow& row, std::int64_t a, std::int64_t b, std::string_view subject) {
  const base::Reason reason{&row, a, b, subject};
  lines_.push_back({decided, &row, reason.code(), reason.text()});
}

const base::ReasonRow* FullWhy::last() const {
  for (auto line = lines_.rbegin(); line != lines_.rend(); ++line)
    if (line->decided) return line->row;
  return nullptr;
}

std::string FullWhy::text() const {
  std::string out;
  for (const Line& line : lines_) {
    out += line.decided ? "  = " : "  - ";
    out += line.text;
    if (line.decided) ((out += " (") += line.code) += ")";
    out += '\n';
  }
  return out;
}

}  // namespace observe
