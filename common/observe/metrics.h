// SPDX-License-Identifier: BSD-2-Clause
// Counters, gauges and histograms. Each worker writes cells of its own (plain relaxed stores, no shared cache line); a scrape sums them.
// Cells never move and live as long as the registry: code binds them once and keeps references. The same name and labels give the same
// object, across reloads too. Registering and text(): any thread. A cell: its thread only.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace observe {

using Labels = std::vector<std::pair<std::string, std::string>>;

// One thread's part of a counter or gauge.
class Cell {
 public:
  void add(std::uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  void subtract(std::uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed); }
  void set(std::uint64_t n) { value_.store(n, std::memory_order_relaxed); }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Metrics;

// A counter or gauge; read as the sum of all threads' cells.
class Metric {
 public:
  Cell& cell(std::size_t thread) const { return *cells_[thread]; }
  std::uint64_t value() const;

 private:
  friend class Metrics;
  std::vector<Cell*> cells_;
};

// One thread's part of a histogram.
class HistogramCells {
 public:
  void observe(double value) {
    std::size_t i = 0;
    while (i < bounds_->size() && value > (*bounds_)[i]) ++i;
    cells_[i].add();
    Cell& sum = cells_[bounds_->size() + 1];
    sum.set(std::bit_cast<std::uint64_t>(std::bit_cast<double>(sum.get()) + value));
  }

 private:
  friend class Metrics;
  friend class Histogram;
  const std::vector<double>* bounds_ = nullptr;
  Cell* cells_ = nullptr;  // one a bucket, one above the last, the sum
};

class Histogram {
 public:
  HistogramCells& cells(std::size_t thread) { return threads_[thread]; }
  std::uint64_t count() const;
  double sum() const;
  // Observations up to and including bound i (cumulative); i == bounds().size(): all.
  std::uint64_t at_most(std::size_t i) const;
  const std::vector<double>& bounds() const { return bounds_; }

 private:
  friend class Metrics;
  std::vector<double> bounds_;
  std::vector<HistogramCells> threads_;
};

// Seconds, from a millisecond to five minutes: waiting, answering and queueing alike.
std::vector<double> duration_buckets();

class Metrics {
 public:
  // `threads`: how many write (workers, control, …); cells are numbered 0 to threads-1.
  explicit Metrics(std::size_t threads);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  std::size_t threads() const { return slabs_.size(); }
  // Names: [a-zA-Z_:][a-zA-Z0-9_:]*, counters end in _total. A name has one type and one help text: CHECKed.
  Metric& counter(std::string_view name, std::string_view help, const Labels& labels = {});
  Metric& gauge(std::string_view name, std::string_view help, const Labels& labels = {});
  // Read at the time of the scrape, on the thread that scrapes. Registering again replaces the function. What is returned names this
  // registration.
  std::uint64_t gauge_function(std::string_view name, std::string_view help, const Labels& labels, std::function<double()> read);
  std::uint64_t counter_function(std::string_view name, std::string_view help, const Labels& labels, std::function<double()> read);
  // The object that a function reads goes away: afterwards it is not called any more, and the row is gone. With a `registration` only if
  // that one is still in force: a successor may have replaced it. Counters, gauges and histograms with cells stay for ever.
  void remove(std::string_view name, const Labels& labels, std::uint64_t registration = 0);
  Histogram& histogram(std::string_view name, std::string_view help, const Labels& labels, const std::vector<double>& bounds);
  // Prometheus' text format 0.0.4.
  std::string text() const;

 private:
  enum class Type : std::uint8_t { counter, gauge, histogram };
  struct Row {
    std::unique_ptr<Metric> metric;
    std::unique_ptr<Histogram> histogram;
    std::function<double()> read;
    std::uint64_t registration = 0;
  };
  struct Family {
    Type type;
    std::string help;
    std::map<std::string, Row> rows;  // by rendered labels
  };
  Row& row(std::string_view name, std::string_view help, Type type, const Labels& labels);
  Metric& metric(std::string_view name, std::string_view help, Type type, const Labels& labels);
  std::uint64_t function(std::string_view name, std::string_view help, Type type, const Labels& labels, std::function<double()> read);
  Cell* take_cells(std::size_t thread, std::size_t n);
  static void write_row(std::string& out, const std::string& name, const std::string& labels, const Row& row);

  struct Slab {  // cells of one thread
    std::vector<std::unique_ptr<Cell[]>> chunks;
    std::size_t used = 0;
  };
  mutable std::mutex mutex_;
  std::vector<Slab> slabs_;
  std::uint64_t registrations_ = 0;
  std::map<std::string, Family, std::less<>> families_;
};

}  // namespace observe
