// SPDX-License-Identifier: BSD-2-Clause
// Ranges: what is answered lies within the content and does not overlap; a range understood without the size is the same with it.
// Input: the content's size, the most ranges, the value of Range; one line each.
#include <algorithm>

#include "base/bytes.h"
#include "fuzz/fuzz.h"
#include "http/ranges.h"

namespace {

using namespace http;

void check_ranges(const RangeRequest& request, std::uint64_t size, std::size_t most) {
  MUST((request.kind == RangeRequest::Kind::ranges) == !request.ranges.empty());
  MUST(request.ranges.size() <= most);
  auto sorted = request.ranges;
  std::sort(sorted.begin(), sorted.end(), [](const ByteRange& a, const ByteRange& b) { return a.first < b.first; });
  std::uint64_t end = 0;
  for (const auto& range : sorted) {
    MUST(range.length > 0 && range.first >= end);
    MUST(range.first < size && range.length <= size - range.first);
    end = range.first + range.length;
  }
}

void check_multipart(const RangeRequest& request, std::uint64_t size) {
  if (size > 1 << 20) return;  // sums of lengths stay far from the type's end
  const Multipart multipart("b", "text/plain", size);
  std::uint64_t length = multipart.end().size();
  for (std::size_t i = 0; i < request.ranges.size(); ++i)
    length += multipart.part_head(request.ranges[i], i == 0).size() + request.ranges[i].length;
  MUST(multipart.length(request.ranges) == length);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto content = base::parse_decimal(input.line()).value_or(UINT64_MAX);
  const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(base::parse_decimal(input.line()).value_or(16), 64));
  const auto value = input.rest();
  const auto request = parse_ranges(value, content, most);
  check_ranges(request, content, most);
  check_multipart(request, content);
  OpenRange open;
  if (!single_range_without_size(value, open) || most == 0) return 0;
  MUST(open.first <= open.last);
  if (open.first >= content) {
    MUST(request.kind == RangeRequest::Kind::unsatisfiable);
    return 0;
  }
  MUST(request.ranges.size() == 1 && request.ranges[0].first == open.first);
  MUST(request.ranges[0].length == std::min(open.last, content - 1) - open.first + 1);
  return 0;
}
