// SPDX-License-Identifier: BSD-2-Clause
// What the control thread listens on: the admin socket (one command a line, or HTTP: the first bytes decide) and pages. Never
// serves clients, so that it answers under overload. Owner: the process's life; control thread only.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "http/http1_server.h"
#include "net/listener.h"
#include "process/admin_registry.h"
#include "process/page_service.h"

namespace process {

class AdminConnection;

class ControlServer final : public net::TaskOwner {
 public:
  ControlServer(net::EventLoop& loop, const AdminRegistry& commands);
  ~ControlServer();
  // Accept from a listener that was opened before; it lives till stop_serving() or longer than this.
  void serve_pages(net::Listener& listener, PageHandler handler);
  // Whoever connects there may do what `level` permits.
  void serve_admin(net::Listener& listener, AdminLevel level = AdminLevel::admin);
  bool serves(const net::Listener& listener) const;
  void stop_serving(const net::Listener& listener);  // nothing more is accepted there; connections go on
  void stop();  // no new connections; those that are idle close
  void reap(net::Task& child) override;
  // Connections closed at once because too many were open.
  std::uint64_t refused() const { return refused_; }

  // For admin connections:
  const AdminRegistry& commands() const { return commands_; }
  void continue_as_http(std::unique_ptr<net::Transport> transport, net::Buffer already_read, AdminLevel level);

 private:
  class PageDoor;
  class AdminDoor;
  void accept(net::Listener& listener, std::shared_ptr<net::AcceptHandler> door);
  bool refuse(int fd, std::size_t open);
  Page admin_page(const PageRequest& request, AdminLevel level) const;

  net::EventLoop& loop_;
  const AdminRegistry& commands_;
  std::uint64_t refused_ = 0;
  PageService service_;
  http::ClientConnections connections_;
  struct AdminPages {
    PageHandler handler;
    http::ListenerInfo info;
  };
  std::array<AdminPages, 3> admin_pages_;  // by level
  struct Serving {
    const net::Listener* listener;
    net::Task* accepter;
    std::shared_ptr<net::AcceptHandler> door;
  };
  std::vector<Serving> serving_;  // before the accepters that use the doors
  std::unordered_map<net::Task*, std::unique_ptr<net::Accepter>> accepters_;
  std::unordered_map<net::Task*, std::unique_ptr<AdminConnection>> admin_connections_;
};

}  // namespace process
