// SPDX-License-Identifier: BSD-2-Clause
#include "base/reason.h"

namespace base {

std::string Reason::code() const {
  if (!row) return "none";
  std::string out = row->name;
  if (!subject.empty()) (out += ':') += subject;
  return out;
}

std::string Reason::text() const {
  if (!row) return "none";
  std::string out;
  for (const char* p = row->text; *p; ++p) {
    if (p[0] == '{' && p[1] != 0 && p[2] == '}') {
      if (p[1] == 'a') out += std::to_string(a);
      if (p[1] == 'b') out += std::to_string(b);
      if (p[1] == 's') out += subject;
      p += 2;
    } else {
      out += *p;
    }
  }
  return out;
}

}  // namespace base
