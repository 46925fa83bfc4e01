// SPDX-License-Identifier: BSD-2-Clause
// The status page: HTML for people, the same as CSV at `;csv` and JSON at `;json`. Control thread.
#pragma once

#include "balancer/backend.h"
#include "process/page_service.h"

namespace balancer {

process::Page status_page(const Plan& plan, const std::string& uri, const process::PageRequest& request, base::TimePoint now);
// Prometheus text.
std::string metrics_text(const Plan& plan, base::TimePoint now);

}  // namespace balancer
