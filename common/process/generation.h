// SPDX-License-Identifier: BSD-2-Clause
// One configuration as it serves. A generation is immutable: sections of the configuration bound to state that outlives it (books,
// servers, endpoints, the store). It is made, and dies, on the control thread only. In between two generations may serve: every
// exchange names its own by a pin, every connection takes the current one with each request.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "http/exchange.h"

namespace process {

class Generation {
 public:
  virtual ~Generation() = default;
  // What the daemon knows of a listener (ListenerSpec::view), by http::ListenerInfo::id. Those of listeners that were removed are not
  // held here: they are buried till their connections are gone.
  const void* listener_view(std::uint32_t id) const { return id < views.size() ? views[id].get() : nullptr; }

  // Set by the frame before anybody serves by it.
  std::uint64_t number = 0;                        // 1: the configuration of the start
  std::optional<std::uint16_t> access_log;         // target of the writer; nullopt: off
  std::vector<std::shared_ptr<const void>> views;
};

class Generations;

// An exchange's hold on the generation it began with. Worker's thread. A plain counter: no atomic operation.
class Pin {
 public:
  Pin() = default;
  Pin(Pin&& other) noexcept;
  Pin& operator=(Pin&& other) noexcept;
  ~Pin() { release(); }
  explicit operator bool() const { return holder_ != nullptr; }
  const Generation& operator*() const;
  // The same generation once more, for what goes on after the exchange: a fetch.
  Pin another() const { return holder_ ? Pin(*owner_, *holder_) : Pin(); }
  // A tunnel lets go after it copied what it needs: it may last for hours.
  void release();

 private:
  friend class Generations;
  struct Holder {
    const Generation* generation = nullptr;
    std::uint32_t pins = 0;
    bool retired = false;
  };
  explicit Pin(Generations& owner, Holder& holder) : owner_(&owner), holder_(&holder) { ++holder.pins; }
  Generations* owner_ = nullptr;
  Holder* holder_ = nullptr;
};

// A worker's generations: the current one, and older ones as long as exchanges pin them. Owner: the worker's frame, which outlives the
// service; worker's thread.
class Generations {
 public:
  using Drained = std::function<void(const Generation& generation)>;
  // `drained`: no exchange of this worker names the generation any more. Not told of the current one.
  Generations(const Generation& first, Drained drained);
  ~Generations();  // CHECKs that nothing is pinned
  Generations(const Generations&) = delete;
  Generations& operator=(const Generations&) = delete;

  const Generation& current() const { return *current_->generation; }
  Pin pin() { return Pin(*this, *current_); }
  void use(const Generation& next);  // from now on

 private:
  friend class Pin;
  void unpinned(Pin::Holder& holder);
  Drained drained_;
  std::vector<std::unique_ptr<Pin::Holder>> holders_;
  Pin::Holder* current_ = nullptr;
};

// A worker's service as the frame sees it.
class WorkerService : public http::Service {
 public:
  // On the worker's thread, right after `next` became current: what the worker has of its own (idle connections of servers that are
  // gone, formats, turns) follows. Cannot fail.
  virtual void adopt(const Generation& next) { (void)next; }
};

}  // namespace process
