// SPDX-License-Identifier: BSD-2-Clause
#include "http/ranges.h"

#include <algorithm>
#include <optional>

#include "base/bytes.h"

namespace http {

namespace {

// One range-spec. Outer nullopt: malformed. Length 0: not satisfiable.
std::optional<ByteRange> parse_one(std::string_view spec, std::uint64_t size) {
  const auto dash = spec.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto from = spec.substr(0, dash), to = spec.substr(dash + 1);
  if (!std::all_of(from.begin(), from.end(), base::is_digit) || !std::all_of(to.begin(), to.end(), base::is_digit)) return std::nullopt;
  if (from.empty() && to.empty()) return std::nullopt;
  const auto number = [](std::string_view digits) { return base::parse_decimal(digits).value_or(UINT64_MAX); };
  if (from.empty()) {
    const auto n = std::min(number(to), size);
    return ByteRange{size - n, n};
  }
  const auto first = number(from);
  const auto last = to.empty() ? UINT64_MAX : number(to);
  if (last < first) return std::nullopt;
  if (first >= size) return ByteRange{0, 0};
  return ByteRange{first, std::min(last, size - 1) - first + 1};
}

bool overlap(std::vector<ByteRange> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const ByteRange& a, const ByteRange& b) { return a.first < b.first; });
  for (std::size_t i = 1; i < ranges.size(); ++i)
    if (ranges[i].first < ranges[i - 1].first + ranges[i - 1].length) return true;
  return false;
}

std::optional<std::string_view> byte_specs(std::string_view value) {
  const auto equals = value.find('=');
  if (equals == std::string_view::npos || !base::iequals(base::trim(value.substr(0, equals)), "bytes")) return std::nullopt;
  return value.substr(equals + 1);
}

}  // namespace

RangeRequest parse_ranges(std::string_view value, std::uint64_t size, std::size_t most) {
  RangeRequest out;
  const auto specs = byte_specs(value);
  if (!specs) return out;
  std::size_t count = 0;
  bool malformed = false;
  base::split(*specs, ',', [&](std::string_view part) {
    part = base::trim(part);
    if (part.empty() || malformed || count > most) return;
    ++count;
    const auto range = parse_one(part, size);
    if (!range) malformed = true;
    else if (range->length > 0) out.ranges.push_back(*range);
  });
  if (malformed || count == 0 || count > most || (out.ranges.size() > 1 && overlap(out.ranges))) {
    out.ranges.clear();
    return out;
  }
  out.kind = out.ranges.empty() ? RangeRequest::Kind::unsatisfiable : RangeRequest::Kind::ranges;
  return out;
}

RangeRequest requested_ranges(const RequestHead& request, std::uint64_t size, std::size_t most) {
  if (request.method() != Method::get || request.count(Token::range) != 1) return {};
  return parse_ranges(*request.get(Token::range), size, most);
}

bool single_range_without_size(std::string_view value, OpenRange& out) {
  const auto specs = byte_specs(value);
  if (!specs) return false;
  const auto spec = base::trim(*specs);
  const auto dash = spec.find('-');
  if (dash == std::string_view::npos) return false;
  const auto first = base::parse_decimal(spec.substr(0, dash));
  if (!first) return false;
  out = {*first, UINT64_MAX};
  if (dash + 1 == spec.size()) return true;
  const auto last = base::parse_decimal(spec.substr(dash + 1));
  if (!last || *last < *first) return false;
  out.last = *last;
  return true;
}

std::string content_range(const ByteRange& range, std::uint64_t size) {
  return "bytes " + std::to_string(range.first) + '-' + std::to_string(range.first + range.length - 1) + '/' + std::to_string(size);
}

std::string unsatisfied_range(std::uint64_t size) { return "bytes */" + std::to_string(size); }

Multipart::Multipart(std::string boundary, std::string_view content_type, std::uint64_t size)
    : boundary_(std::move(boundary)), part_type_(content_type), size_(size) {}

std::string Multipart::part_head(const ByteRange& range, bool first) const {
  std::string out = first ? "--" : "\r\n--";
  out += boundary_;
  if (!part_type_.empty()) out += "\r\nContent-Type: " + part_type_;
  out += "\r\nContent-Range: " + content_range(range, size_) + "\r\n\r\n";
  return out;
}

std::uint64_t Multipart::length(const std::vector<ByteRange>& ranges) const {
  std::uint64_t n = end().size();
  for (std::size_t i = 0; i < ranges.size(); ++i) n += part_head(ranges[i], i == 0).size() + ranges[i].length;
  return n;
}

}  // namespace http
