// SPDX-License-Identifier: BSD-2-Clause
// What the control thread listens on, by label and address: the admin socket, metrics, pages of the daemon. A change is opened first
// and then taken. Owner: the process's life; control thread.
#pragma once

#include <string>
#include <vector>

#include "process/control_server.h"
#include "process/listeners.h"

namespace process {

class ControlListeners {
 public:
  struct Spec {
    std::string label;          // "admin", "metrics", …: first word of the ready file's line
    Address address;
    unsigned mode = 0666;       // of a Unix socket's file
    PageHandler handler;        // of pages; empty: an admin socket, where `level` is permitted
    AdminLevel level = AdminLevel::admin;
    std::string group = {};     // a Unix socket's file is given to it; empty: the group of the process
    std::string key() const { return label + " " + address.text; }
    std::string rights() const { return std::to_string(mode) + " " + std::to_string(static_cast<int>(level)) + " " + group; }
  };
  struct Open {
    std::string key;
    std::string label;
    std::unique_ptr<net::Listener> listener;
    std::string rights;
    std::string group;
  };
  struct Change {
    std::vector<Open> added;
    std::vector<std::string> keys;  // all that will be there, in order
  };

  explicit ControlListeners(Binder bind) : bind_(std::move(bind)) {}
  // Asked before anything is opened: descriptors that came from elsewhere, by key; null: none.
  void adopt_from(std::function<std::unique_ptr<net::Listener>(const std::string& key)> adopt) { adopt_ = std::move(adopt); }
  template <class See>
  void each(See&& see) {  // see(key, listener)
    for (const Open& one : open_) see(one.key, *one.listener);
  }
  std::expected<Change, std::string> plan(const std::vector<Spec>& specs);
  // `specs` as for plan(), with handlers that stay valid. The server is null at the start, before serve().
  void take(Change change, const std::vector<Spec>& specs);
  void serve(ControlServer& server, const std::vector<Spec>& specs);
  void close_all() { open_.clear(); }
  void add_ready_lines(ReadyLines& lines) const;

 private:
  void serve_one(std::size_t index, const Spec& spec);
  Open* find(const std::string& key);
  Binder bind_;
  std::function<std::unique_ptr<net::Listener>(const std::string& key)> adopt_;
  ControlServer* server_ = nullptr;
  std::vector<Open> open_;
};

}  // namespace process
