// SPDX-License-Identifier: BSD-2-Clause
#include "observe/metrics_json.h"

#include <catch2/catch.hpp>

#include <limits>

#include "observe/metrics.h"

using observe::metrics_json;

namespace {
std::string value(const std::string& labels, const std::string& number) { return "{\"labels\": {" + labels + "}, \"value\": " + number + "}"; }
}  // namespace

TEST_CASE("metrics as JSON: types, labels, escapes") {
  observe::Metrics metrics(1);
  metrics.counter("requests_total", "All \"requests\".\nEver.", {{"site", "a\"b\\c\nd"}, {"code", "2xx"}}).cell(0).add(3);
  metrics.counter("requests_total", "All \"requests\".\nEver.", {{"site", "e,f}"}, {"code", "5xx"}}).cell(0).add(4);
  CHECK(metrics_json(metrics.text()) == R"({"requests_total": {"type": "counter", "help": "All \"requests\".\u000aEver.", "values": [)" +
                                            value(R"("site": "a\"b\\c\u000ad", "code": "2xx")", "3") + ", " + value(R"("site": "e,f}", "code": "5xx")", "4") + "]}}");
}

TEST_CASE("metrics as JSON: numbers that JSON has not are null") {
  observe::Metrics metrics(1);
  metrics.gauge_function("a", "A.", {}, [] { return std::numeric_limits<double>::infinity(); });
  metrics.gauge_function("b", "B.", {}, [] { return -std::numeric_limits<double>::infinity(); });
  metrics.gauge_function("c", "C.", {}, [] { return std::numeric_limits<double>::quiet_NaN(); });
  metrics.gauge_function("d", "D.", {}, [] { return -1.5e-9; });
  const std::string json = metrics_json(metrics.text());
  CHECK(json.find("NaN") == std::string::npos);
  CHECK(json.find("nf") == std::string::npos);
  for (const char* name : {"A.", "B.", "C."}) CHECK(json.find(std::string("\"help\": \"") + name + "\", \"values\": [" + value("", "null")) != std::string::npos);
  CHECK(json.find("\"help\": \"D.\", \"values\": [" + value("", "-1.5e-09")) != std::string::npos);
}

TEST_CASE("metrics as JSON: a histogram is one family") {
  observe::Metrics metrics(1);
  metrics.histogram("wait", "Waited.", {{"a", "b"}}, {0.5}).cells(0).observe(0.25);
  metrics.gauge("waiters", "Who waits.").cell(0).add(2);
  CHECK(metrics_json(metrics.text()) ==
        R"({"wait": {"type": "histogram", "help": "Waited.", "values": [{"name": "wait_bucket", "labels": {"a": "b", "le": "0.5"}, "value": 1}, )"
        R"({"name": "wait_bucket", "labels": {"a": "b", "le": "+Inf"}, "value": 1}, {"name": "wait_sum", "labels": {"a": "b"}, "value": 0.25}, )"
        R"({"name": "wait_count", "labels": {"a": "b"}, "value": 1}]}, "waiters": {"type": "gauge", "help": "Who waits.", "values": [)" +
            value("", "2") + "]}}");
}

TEST_CASE("metrics as JSON: what has no type, and what is no metric") {
  CHECK(metrics_json("") == "{}");
  CHECK(metrics_json("own{x=\"y\"} 7\nnot a metric\n\n# a remark\nplain 1\nopen{x=\"y 1\n{} 1\n") ==
        "{\"own\": {\"values\": [" + value("\"x\": \"y\"", "7") + "]}, \"not\": {\"values\": [" + value("", "null") + "]}, \"plain\": {\"values\": [" + value("", "1") +
            "]}}");
}
