// SPDX-License-Identifier: BSD-2-Clause
#include "observe/metrics.h"

#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

#include "observe/why.h"

TEST_CASE("counters are summed over threads; the same key is the same object") {
  observe::Metrics metrics(2);
  observe::Metric& requests = metrics.counter("front_requests_total", "Requests.", {{"site", "a\"b\\c\n"}});
  CHECK(&requests == &metrics.counter("front_requests_total", "Requests.", {{"site", "a\"b\\c\n"}}));
  CHECK(&requests != &metrics.counter("front_requests_total", "Requests.", {{"site", "b"}}));
  requests.cell(0).add();
  requests.cell(1).add(4);
  CHECK(requests.value() == 5);
  CHECK(metrics.text() ==
        "# HELP front_requests_total Requests.\n"
        "# TYPE front_requests_total counter\n"
        "front_requests_total{site=\"a\\\"b\\\\c\\n\"} 5\n"
        "front_requests_total{site=\"b\"} 0\n");
}

TEST_CASE("gauges may be lowered by another thread than raised them") {
  observe::Metrics metrics(2);
  observe::Metric& open = metrics.gauge("open", "Line one\nand \\ two.");
  open.cell(0).add(3);
  open.cell(1).subtract(2);
  metrics.gauge_function("uptime_seconds", "Time.", {}, [] { return 1.5; });
  CHECK(metrics.text() ==
        "# HELP open Line one\\nand \\\\ two.\n# TYPE open gauge\nopen 1\n"
        "# HELP uptime_seconds Time.\n# TYPE uptime_seconds gauge\nuptime_seconds 1.5\n");
  open.cell(1).subtract(2);
  CHECK(metrics.text().find("\nopen -1\n") != std::string::npos);
}

TEST_CASE("histograms are cumulative") {
  observe::Metrics metrics(2);
  auto& h = metrics.histogram("wait_seconds", "Waiting.", {{"b", "x"}}, {0.125, 1});
  CHECK(&h == &metrics.histogram("wait_seconds", "Waiting.", {{"b", "x"}}, {0.125, 1}));
  h.cells(0).observe(0.0625);
  h.cells(1).observe(0.125);
  h.cells(1).observe(0.5);
  h.cells(0).observe(7);
  CHECK(h.count() == 4);
  CHECK(h.sum() == Approx(7.6875));
  const std::string text = metrics.text();
  CHECK(text.find("wait_seconds_bucket{b=\"x\",le=\"0.125\"} 2\n"
                  "wait_seconds_bucket{b=\"x\",le=\"1\"} 3\n"
                  "wait_seconds_bucket{b=\"x\",le=\"+Inf\"} 4\n"
                  "wait_seconds_sum{b=\"x\"} 7.6875\n"
                  "wait_seconds_count{b=\"x\"} 4\n") != std::string::npos);
}

TEST_CASE("cells never move, and are read while written") {
  observe::Metrics metrics(2);
  observe::Cell& cell = metrics.counter("c_total", "C.").cell(1);
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    while (!stop) cell.add();
  });
  std::uint64_t last = 0;
  for (int i = 0; i < 2000; ++i) {
    metrics.counter("n" + std::to_string(i), "N.");
    const std::uint64_t now = metrics.counter("c_total", "C.").value();
    REQUIRE(now >= last);
    last = now;
  }
  stop = true;
  writer.join();
  CHECK(&metrics.counter("c_total", "C.").cell(1) == &cell);
  CHECK(metrics.counter("c_total", "C.").value() == cell.get());
}

namespace {
constexpr base::ReasonRow chosen{"route", "route {s} matches"};
constexpr base::ReasonRow skipped{"route-host", "route {s} wants another host"};
template <observe::Why W>
int decide(W& why) {
  why.considered(skipped, 0, 0, "a");
  why.because(chosen, 0, 0, "b");
  return 1;
}
}  // namespace

TEST_CASE("a decision reports to either recorder") {
  observe::LastReason last;
  observe::FullWhy full;
  decide(last);
  decide(full);
  CHECK(last.last().is(chosen));
  CHECK(full.last() == &chosen);
  CHECK(full.text() == "  - route a wants another host\n  = route b matches (route:b)\n");
}
