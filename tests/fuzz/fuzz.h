// SPDX-License-Identifier: BSD-2-Clause
// What the fuzz targets share: MUST, which states a property, and Input, which takes decisions off the front of an input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"

// A property that holds for every input; a broken one aborts, which libFuzzer and the replay both report.
#define MUST(condition) BASE_CHECK(condition)

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}
  // The next byte, 0 if there is none.
  unsigned byte() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  // Up to the next line feed, which is dropped: corpora stay readable.
  std::string_view line() {
    const auto at = rest_.find('\n');
    const auto text = rest_.substr(0, at);
    rest_ = at == std::string_view::npos ? std::string_view{} : rest_.substr(at + 1);
    return text;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

}  // namespace fuzz
