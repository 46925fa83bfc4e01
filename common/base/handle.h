// SPDX-License-Identifier: BSD-2-Clause
// Handles instead of pointers for whatever may outlive its target: {index, serial} into a table; a stale one finds nobody.
// One table is used by one thread.
#pragma once

#include <cstdint>
#include <vector>

#include "base/check.h"

namespace base {

struct Handle {
  std::uint32_t index = UINT32_MAX;
  std::uint32_t serial = 0;
  bool operator==(const Handle&) const = default;
  explicit operator bool() const { return index != UINT32_MAX; }
};

template <class T>
class HandleTable {
 public:
  Handle add(T* object) {
    if (free_.empty()) {
      free_.push_back(static_cast<std::uint32_t>(rows_.size()));
      rows_.push_back({});
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    rows_[index].object = object;
    return {index, rows_[index].serial};
  }
  // Null when the object is gone.
  T* find(Handle handle) const {
    if (handle.index >= rows_.size() || rows_[handle.index].serial != handle.serial) return nullptr;
    return rows_[handle.index].object;
  }
  void remove(Handle handle) {
    BASE_CHECK(find(handle) != nullptr);
    rows_[handle.index] = {nullptr, handle.serial + 1};
    free_.push_back(handle.index);
  }
  std::size_t size() const { return rows_.size() - free_.size(); }

 private:
  struct Row {
    T* object = nullptr;
    std::uint32_t serial = 0;
  };
  std::vector<Row> rows_;
  std::vector<std::uint32_t> free_;
};

}  // namespace base
