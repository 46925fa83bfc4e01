// SPDX-License-Identifier: BSD-2-Clause
// Small pages of the process itself (metrics, status, the admin socket's JSON), served by the same HTTP engine as everything
// else but on the control thread's loop. Owner: the control thread.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "http/exchange.h"
#include "process/admin_registry.h"

namespace process {

struct PageRequest {
  http::Method method;
  std::string path;    // as sent, without the query
  std::string query;
  std::string body;    // at most 64 KiB
};
struct Page {
  int status = 200;
  std::string type = "text/html; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  // Set: the page is made out of this answer once it is there.
  std::shared_ptr<LaterReply> later = nullptr;
  std::function<Page(const Reply& answer)> render = nullptr;
};
using PageHandler = std::function<Page(const PageRequest& request)>;

// ListenerInfo::owner points to the listener's PageHandler.
class PageService final : public http::Service {
 public:
  explicit PageService(net::EventLoop& loop) : loop_(loop) {}
  std::unique_ptr<http::Exchange> open(net::TaskOwner& owner, http::Stream stream) override;
  void rejected(const http::Rejected&) override {}
  void noticed(const base::Reason&, const http::ConnectionInfo&) override {}

 private:
  net::EventLoop& loop_;
};

}  // namespace process
