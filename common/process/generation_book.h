// SPDX-License-Identifier: BSD-2-Clause
// All generations that are alive: the current one, and those that exchanges still name. Control thread, the only place where they die.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "process/generation.h"

namespace process {

class GenerationBook {
 public:
  // `holders`: how many times released() will be said of a generation: once by each worker and once by the control thread.
  explicit GenerationBook(std::uint32_t holders) : holders_(holders) {}

  // The numbers are given here.
  Generation& add(std::unique_ptr<Generation> generation) {
    generation->number = ++last_;
    entries_.push_back({std::move(generation), holders_});
    return *entries_.back().generation;
  }
  Generation& current() const { return *entries_.back().generation; }
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  // True: it was the last word, the generation is gone.
  bool released(const Generation& generation) {
    const auto at = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& one) { return one.generation.get() == &generation; });
    if (at == entries_.end() || --at->holders > 0) return false;
    entries_.erase(at);
    return true;
  }
  void clear() { entries_.clear(); }

 private:
  struct Entry {
    std::unique_ptr<Generation> generation;
    std::uint32_t holders;
  };
  std::uint32_t holders_;
  std::uint64_t last_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace process
