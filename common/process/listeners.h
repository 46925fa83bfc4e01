// SPDX-License-Identifier: BSD-2-Clause
// The listeners of the process, by address. A change is planned and opened first (what may fail fails there), then taken. Owner: the
// process's life; control thread.
#pragma once

#include <string>
#include <vector>

#include "net/listener.h"
#include "process/open_listener.h"
#include "process/ready_file.h"

namespace process {

// Opens an address. `name`: what it is called besides (a frontend's name, "metrics"). The Result's subject outlives it.
using Binder = std::function<base::Result<std::unique_ptr<net::Listener>>(const Address& address, std::size_t workers, const net::ListenOptions& options,
                                                                          const std::string& name)>;

class Listeners {
 public:
  // What a reload would make of them.
  struct Change {
    ListenerSettings settings;                         // all that will be there
    std::vector<std::shared_ptr<OpenListener>> kept, added, removed;
  };

  Listeners(std::string daemon, std::uint32_t workers, observe::Metrics& metrics, Binder bind)
      : daemon_(std::move(daemon)), workers_(workers), metrics_(metrics), bind_(std::move(bind)) {}

  // Asked before anything is opened: descriptors that came from elsewhere, by key; null: none.
  void adopt_from(std::function<std::unique_ptr<net::Listener>(const std::string& key)> adopt) { adopt_ = std::move(adopt); }
  // Opens what is new. Error: a sentence with the address and what to do. Throwing the change away closes it again.
  std::expected<Change, std::string> plan(std::vector<ListenerSpec> specs);
  // The change's settings hold from now on; gives every listener its view in the generation. The views of those that the change removes
  // are the caller's to keep for as long as their OpenListener is there.
  void take(const Change& change, const std::vector<ListenerSpec>& specs, Generation& next, const Generation* before);
  // Those that use the context `old` use `fresh` from now on. False: nobody uses it.
  bool replace_tls(const net::TlsContext* old, const std::shared_ptr<net::TlsContext>& fresh);
  const ListenerSettings& settings() const { return settings_; }
  // One accepter of a removed listener ended. True: it was the last; the descriptors are closed once forget() was called.
  bool accepter_gone(std::uint32_t id);
  bool leaving(std::uint32_t id) const;
  void close(std::uint32_t id);
  // The process ends: descriptors are closed and socket files removed.
  void close_all();
  // "address as configured", "address as bound".
  void add_ready_lines(ReadyLines& lines) const;

 private:
  struct Leaving {
    std::shared_ptr<OpenListener> open;
    std::size_t accepters;
  };
  std::shared_ptr<OpenListener> find(const std::string& key) const;
  std::uint32_t free_id(const Change& change) const;
  std::expected<std::shared_ptr<OpenListener>, std::string> open(const std::string& key, const ListenerSpec& spec, const Change& change);

  const std::string daemon_;
  const std::uint32_t workers_;
  observe::Metrics& metrics_;
  Binder bind_;
  std::function<std::unique_ptr<net::Listener>(const std::string& key)> adopt_;
  ListenerSettings settings_;
  std::vector<Leaving> leaving_;                         // accepters still run
  std::vector<std::weak_ptr<OpenListener>> remembered_;  // connections may be left: the number is not free
};

}  // namespace process
