// SPDX-License-Identifier: BSD-2-Clause
#include "webfront/plan.h"

#include "base/bytes.h"

namespace webfront {

bool refused_method(const RequestView& view) {
  switch (view.method) {
    case http::Method::get:
    case http::Method::head:
    case http::Method::post: return false;
    case http::Method::purge:
    case http::Method::ban:
    case http::Method::connect:
    case http::Method::trace: return true;
    default: return base::iequals(view.method_name, "PURGE") || base::iequals(view.method_name, "BAN");
  }
}

}  // namespace webfront
