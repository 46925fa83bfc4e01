// SPDX-License-Identifier: BSD-2-Clause
#include "process/generation.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace process {

Pin::Pin(Pin&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), holder_(std::exchange(other.holder_, nullptr)) {}

Pin& Pin::operator=(Pin&& other) noexcept {
  if (this != &other) {
    release();
    owner_ = std::exchange(other.owner_, nullptr);
    holder_ = std::exchange(other.holder_, nullptr);
  }
  return *this;
}

const Generation& Pin::operator*() const {
  CHECK(holder_);
  return *holder_->generation;
}

void Pin::release() {
  if (!holder_) return;
  Holder& holder = *std::exchange(holder_, nullptr);
  CHECK(holder.pins > 0);
  if (--holder.pins == 0 && holder.retired) owner_->unpinned(holder);
  owner_ = nullptr;
}

Generations::Generations(const Generation& first, Drained drained) : drained_(std::move(drained)) {
  holders_.push_back(std::make_unique<Pin::Holder>());
  current_ = holders_.back().get();
  current_->generation = &first;
}

Generations::~Generations() {
  for (const auto& holder : holders_) CHECK_MSG(holder->pins == 0, "an exchange outlived its worker's generations");
}

void Generations::use(const Generation& next) {
  Pin::Holder& old = *current_;
  holders_.push_back(std::make_unique<Pin::Holder>());
  current_ = holders_.back().get();
  current_->generation = &next;
  old.retired = true;
  if (old.pins == 0) unpinned(old);
}

void Generations::unpinned(Pin::Holder& holder) {
  const Generation& generation = *holder.generation;
  std::erase_if(holders_, [&](const auto& one) { return one.get() == &holder; });
  drained_(generation);
}

}  // namespace process
