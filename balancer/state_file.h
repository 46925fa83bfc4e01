// SPDX-License-Identifier: BSD-2-Clause
// The file that keeps what commands changed over a restart: written whole beside the old one, synced, then put in its place, so that
// there is always one that can be read. A disk that takes nothing is told and counted, and stops nothing. Control thread; writing
// happens on the offload pool.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "balancer/overrides.h"
#include "net/offload.h"
#include "observe/error_log.h"
#include "observe/metrics.h"

namespace balancer {

// Where writing stopped; error 0: nowhere.
struct WriteOutcome {
  const char* step = "";
  int error = 0;
};
WriteOutcome write_state(const std::string& path, const std::string& text);

// What the file holds; nothing if there is none. One that cannot be understood is told and set aside under another name.
Overrides load_state(const std::string& path, observe::ErrorLog& log);

class StateFile {
 public:
  StateFile(std::string path, net::Offload& pool, net::EventLoop& loop, observe::ErrorLog& log, observe::Metrics& metrics, std::size_t cell);
  ~StateFile();  // writes what is not yet written
  const std::string& path() const { return path_; }
  // The latest text wins; one write at a time.
  void keep(std::string text);
  bool idle() const { return !writing_ && !unsaved_; }

 private:
  // The file itself, for whoever writes: one after the other, and never an older text over a newer one.
  struct Place {
    std::mutex mutex;
    std::uint64_t last = 0;
    WriteOutcome write(const std::string& path, const std::string& text, std::uint64_t number);
  };
  void write();
  void written(const std::string& text, const WriteOutcome& outcome);

  const std::string path_;
  const std::shared_ptr<Place> place_ = std::make_shared<Place>();
  std::uint64_t numbers_ = 0;
  net::OffloadClient client_;
  observe::ErrorLog& log_;
  observe::Metric& failures_;
  std::size_t cell_;
  bool writing_ = false;
  std::optional<std::string> unsaved_;
};

}  // namespace balancer
