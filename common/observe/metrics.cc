// SPDX-License-Identifier: BSD-2-Clause
#include "observe/metrics.h"

#include <charconv>
#include <cmath>

#include "base/bytes.h"
#include "base/check.h"

namespace observe {
namespace {

constexpr std::size_t chunk_cells = 512;

bool valid_name(std::string_view name, bool colons) {
  if (name.empty() || base::is_digit(name[0])) return false;
  for (char c : name)
    if (!base::is_alpha(c) && !base::is_digit(c) && c != '_' && !(colons && c == ':')) return false;
  return true;
}

std::string escape(std::string_view text, bool quotes) {
  std::string out;
  for (char c : text) {
    if (c == '\\') out += "\\\\";
    else if (c == '\n') out += "\\n";
    else if (c == '"' && quotes) out += "\\\"";
    else out += c;
  }
  return out;
}

// `a="x",b="y"`, the identity of a row and what is printed between braces.
std::string render(const Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    CHECK_MSG(valid_name(name, false), "label name");
    if (!out.empty()) out += ',';
    ((out += name) += "=\"") += escape(value, true) + '"';
  }
  return out;
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value);
  return {buffer, end.ptr};
}

void line(std::string& out, std::string_view name, std::string_view labels, std::string_view more, std::string_view value) {
  out += name;
  if (!labels.empty() || !more.empty()) {
    (out += '{') += labels;
    if (!labels.empty() && !more.empty()) out += ',';
    (out += more) += '}';
  }
  ((out += ' ') += value) += '\n';
}

}  // namespace

std::uint64_t Metric::value() const {
  std::uint64_t sum = 0;
  for (const Cell* cell : cells_) sum += cell->get();
  return sum;
}

std::uint64_t Histogram::at_most(std::size_t i) const {
  std::uint64_t sum = 0;
  for (const HistogramCells& thread : threads_)
    for (std::size_t j = 0; j <= i; ++j) sum += thread.cells_[j].get();
  return sum;
}

std::uint64_t Histogram::count() const { return at_most(bounds_.size()); }

double Histogram::sum() const {
  double out = 0;
  for (const HistogramCells& thread : threads_) out += std::bit_cast<double>(thread.cells_[bounds_.size() + 1].get());
  return out;
}

std::vector<double> duration_buckets() { return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300}; }

Metrics::Metrics(std::size_t threads) : slabs_(threads) { CHECK(threads > 0); }
Metrics::~Metrics() = default;

Cell* Metrics::take_cells(std::size_t thread, std::size_t n) {
  CHECK(n <= chunk_cells);
  Slab& slab = slabs_[thread];
  if (slab.chunks.empty() || slab.used + n > chunk_cells) {
    slab.chunks.push_back(std::make_unique<Cell[]>(chunk_cells));
    slab.used = 0;
  }
  Cell* out = slab.chunks.back().get() + slab.used;
  slab.used += n;
  return out;
}

Metrics::Row& Metrics::row(std::string_view name, std::string_view help, Type type, const Labels& labels) {
  CHECK_MSG(valid_name(name, true), "metric name");
  auto at = families_.find(name);
  if (at == families_.end()) at = families_.emplace(std::string(name), Family{type, std::string(help), {}}).first;
  CHECK_MSG(at->second.type == type, "a metric has one type");
  return at->second.rows[render(labels)];
}

Metric& Metrics::metric(std::string_view name, std::string_view help, Type type, const Labels& labels) {
  std::lock_guard lock(mutex_);
  Row& r = row(name, help, type, labels);
  CHECK(!r.read);
  if (!r.metric) {
    r.metric = std::make_unique<Metric>();
    for (std::size_t i = 0; i < slabs_.size(); ++i) r.metric->cells_.push_back(take_cells(i, 1));
  }
  return *r.metric;
}

Metric& Metrics::counter(std::string_view name, std::string_view help, const Labels& labels) {
  return metric(name, help, Type::counter, labels);
}
Metric& Metrics::gauge(std::string_view name, std::string_view help, const Labels& labels) { return metric(name, help, Type::gauge, labels); }

std::uint64_t Metrics::function(std::string_view name, std::string_view help, Type type, const Labels& labels, std::function<double()> read) {
  std::lock_guard lock(mutex_);
  Row& r = row(name, help, type, labels);
  r.read = std::move(read);
  return r.registration = ++registrations_;
}

std::uint64_t Metrics::gauge_function(std::string_view name, std::string_view help, const Labels& labels, std::function<double()> read) {
  return function(name, help, Type::gauge, labels, std::move(read));
}

std::uint64_t Metrics::counter_function(std::string_view name, std::string_view help, const Labels& labels, std::function<double()> read) {
  return function(name, help, Type::counter, labels, std::move(read));
}

void Metrics::remove(std::string_view name, const Labels& labels, std::uint64_t registration) {
  std::lock_guard lock(mutex_);
  const auto family = families_.find(name);
  if (family == families_.end()) return;
  const auto at = family->second.rows.find(render(labels));
  if (at == family->second.rows.end() || !at->second.read || (registration && at->second.registration != registration)) return;
  family->second.rows.erase(at);
}

Histogram& Metrics::histogram(std::string_view name, std::string_view help, const Labels& labels, const std::vector<double>& bounds) {
  std::lock_guard lock(mutex_);
  Row& r = row(name, help, Type::histogram, labels);
  if (!r.histogram) {
    r.histogram = std::make_unique<Histogram>();
    r.histogram->bounds_ = bounds;
    r.histogram->threads_.resize(slabs_.size());
    for (std::size_t i = 0; i < slabs_.size(); ++i) {
      r.histogram->threads_[i].bounds_ = &r.histogram->bounds_;
      r.histogram->threads_[i].cells_ = take_cells(i, bounds.size() + 2);
    }
  }
  return *r.histogram;
}

void Metrics::write_row(std::string& out, const std::string& name, const std::string& labels, const Row& row) {
  if (row.histogram) {
    const Histogram& h = *row.histogram;
    for (std::size_t i = 0; i <= h.bounds().size(); ++i) {
      const std::string le = i < h.bounds().size() ? number(h.bounds()[i]) : "+Inf";
      line(out, name + "_bucket", labels, "le=\"" + le + '"', std::to_string(h.at_most(i)));
    }
    line(out, name + "_sum", labels, "", number(h.sum()));
    line(out, name + "_count", labels, "", std::to_string(h.count()));
  } else if (row.read) {
    line(out, name, labels, "", number(row.read()));
  } else if (row.metric) {
    line(out, name, labels, "", std::to_string(static_cast<std::int64_t>(row.metric->value())));
  }
}

std::string Metrics::text() const {
  static constexpr const char* types[] = {"counter", "gauge", "histogram"};
  std::lock_guard lock(mutex_);
  std::string out;
  for (const auto& [name, family] : families_) {
    if (family.rows.empty()) continue;
    out += "# HELP " + name + ' ' + escape(family.help, false) + "\n# TYPE " + name + ' ' + types[static_cast<int>(family.type)] + '\n';
    for (const auto& [labels, r] : family.rows) write_row(out, name, labels, r);
  }
  return out;
}

}  // namespace observe
