// SPDX-License-Identifier: BSD-2-Clause
// In builds without libFuzzer: runs a target over the files of its corpus, or over the files named. The target is known by the
// program's name, unit_fuzz_TARGET.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz/fuzz.h"

namespace {

std::vector<std::string> corpus_of(const std::string& program) {
  static constexpr std::string_view prefix = "unit_fuzz_";
  const auto name = std::filesystem::path(program).filename().string();
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(FUZZ_CORPUS) + "/" + name.substr(std::min(prefix.size(), name.size())), error))
    files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

int main(int count, char** words) {
  std::vector<std::string> files(words + 1, words + count);
  if (files.empty()) files = corpus_of(words[0]);
  int passed = 0, failed = 0;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    if (!in.good() && !in.eof()) {
      std::printf("cannot read %s\n", file.c_str());
      ++failed;
      continue;
    }
    std::printf("%s\n", file.c_str());
    std::fflush(stdout);  // the last line says which one aborted
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    ++passed;
  }
  if (passed + failed == 0) failed = 1;  // a corpus that is not found must not pass
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed != 0;
}
