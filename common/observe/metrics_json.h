// SPDX-License-Identifier: BSD-2-Clause
// Metrics as JSON, made of Prometheus' text: also what a daemon appends as text is in it. Pure.
#pragma once

#include <string>
#include <string_view>

namespace observe {

// {"NAME": {"type": "counter", "help": "…", "values": [{"labels": {"a": "x"}, "value": 1}]}}. Histograms give `NAME_bucket`, `_sum` and
// `_count` within NAME, each value with its "name". Numbers that JSON has not are null. Lines that are no metrics are left out.
std::string metrics_json(std::string_view text);

}  // namespace observe
